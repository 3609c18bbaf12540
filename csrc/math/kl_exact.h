#pragma once
// KL divergences for parameters that are huge, tiny or far apart, for which the fast sums of
// kl_<op>.h cancel or overflow. Except for logarithms, all parts of a sum here are non-negative.
// It is scalar and slow, for the few rows that need it.
//
// G(x) = log Γ(x) - x log x + x is convex and grows like a logarithm. Its divergence
// R(a, b) = G(b) - G(a) - (b - a) G'(a) >= 0 is D of gamma_divergence.h without its leading part:
// D(a, b) = b h(a / b) + R(a, b), h(r) = r - 1 - log r >= 0. In sums of D the leading parts
// combine:
//   KL(Gamma(a, r) ‖ Gamma(b, q)) = R(a, b) + b h(a q / (b r))
//   KL(Weibull(k, λ) ‖ Gamma(a, b)) = a h(e / a) + a (γ/k + log Γ(1 + 1/k)) + G(a) + log k - γ - 1,
//     e = b λ Γ(1 + 1/k)
//   KL(Beta(a, s) ‖ Beta(b, t)) = b h(aB / (bA)) + t h(sB / (tA)) + R(a, b) + R(s, t) - R(A, B),
//     A = a + s, B = b + t
// and a Dirichlet is a Beta of its first topic and the rest, then a Dirichlet of the rest.
//
// Measured against mpmath, parameters from 1e-38 to 1e38 (tests/ops/test_kl_extremes.py): errors
// are at most 1e-12 of max(KL, 1) plus the effect of a relative change of the parameters by 4e-16.

#include "exp_minus_tangent.h"
#include "gamma_divergence.h"

NTM_FAST_ISA_BEGIN

// G, and its first and second derivatives.
NTM_FAST_INLINE double stirling_gap(double x) {
  const double inverse = 1. / x;
  return x < 8. ? lgamma(x) - x * log(x) + x
                : stirling_series(inverse * inverse) * inverse - .5 * log(x) +
                      9.1893853320467274178e-01;
}
NTM_FAST_INLINE double stirling_gap_slope(double x) {
  const double inverse = 1. / x;
  return x < 8. ? digamma(x) - log(x) : -.5 * inverse - digamma_series(inverse * inverse);
}
NTM_FAST_INLINE double stirling_gap_curvature(double x) {
  const double inverse = 1. / x, z = inverse * inverse;
  return x < 8. ? trigamma(x) - inverse : (trigamma_series(z) * inverse + .5) * z;
}

// R(a, b)
NTM_FAST_INLINE double gap_divergence(double a, double b) {
  const double r = stirling_gap(b) - stirling_gap(a) - (b - a) * stirling_gap_slope(a);
  return r < 0. ? 0. : r;  // NaN stays
}

// a b + c, rounded once
NTM_FAST_INLINE double fused(double a, double b, double c) {
#ifdef __CUDACC__
  return ::fma(a, b, c);
#else
  return __builtin_fma(a, b, c);
#endif
}

// a b - c d, to an ulp (Kahan)
NTM_FAST_INLINE double difference_of_products(double a, double b, double c, double d) {
  const double product = c * d;
  return fused(a, b, -product) + fused(-c, d, product);
}

NTM_FAST_INLINE double kl_gamma_exactly(double a, double r, double b, double q) {
  const double prior = b * r, excess = difference_of_products(a, q, b, r) / prior;
  return gap_divergence(a, b) + b * rate_divergence(a * q / prior, excess);
}

NTM_FAST_INLINE double kl_weibull_gamma_exactly(double k, double scale, double a, double b) {
  constexpr double euler = .57721566490153286061;
  const double x = 1. / k, log_gamma = lgamma(1. + x);
  double mean_part;  // a h(e / a)
  if (x <= 1.) {
    const double ratio = scale * b / a * exp(log_gamma);
    mean_part = a * rate_divergence(ratio, ratio - 1.);
  } else {
    const double log_mean = log(scale) + log(b) + log_gamma, log_ratio = log_mean - log(a);
    mean_part =
        log_ratio < 1. ? a * exp_minus_tangent(log_ratio) : exp(log_mean) - a * (1. + log_ratio);
  }
  // γ x + log Γ(1 + x)
  const LogAndRemainder l(1. + x, x, true);
  const double near = (x * x) * lgamma_tail(x) - l.remainder, far = euler * x + log_gamma;
  const double shape_part = a * (x < .41 ? near : far);
  return (mean_part + shape_part) + ((stirling_gap(a) + log(k)) - (euler + 1.));
}

NTM_FAST_INLINE double kl_normal_exactly(double difference, double log_variance,
                                         double prior_log_variance) {
  const double deviation = difference * exp(-.5 * prior_log_variance);
  const double squared = difference == 0. ? 0. : deviation * deviation;
  return .5 * (exp_minus_tangent(log_variance - prior_log_variance) + squared);
}

// R(a, b) - R(a + s, b + t) for s <= a and t <= b, by integration of its derivative on the way
// (Gauss and Legendre, 12 points: the integrand's singularities are as far away as the path is
// long).
NTM_FAST_INLINE double gap_divergence_change(double a, double s, double b, double t) {
  constexpr double points[6] = {.12523340851146891547, .36783149899818019375,
                                .58731795428661744730, .76990267419430468704,
                                .90411725637047485668, .98156063424671925069};
  constexpr double weights[6] = {.24914704581340278500, .23349253653835480876,
                                 .20316742672306592175, .16007832854334622633,
                                 .10693932599531843096, .04717533638651182719};
  double total = 0;
  for (int i = 0; i < 12; ++i) {
    const double at = .5 + (i % 2 ? .5 : -.5) * points[i / 2], x = a + at * s, y = b + at * t;
    total += .5 * weights[i / 2] *
             ((y - x) * stirling_gap_curvature(x) * s -
              (stirling_gap_slope(y) - stirling_gap_slope(x)) * t);
  }
  return total;
}

// KL(Beta(a, s) ‖ Beta(b, t)), s and t with their rounding errors
NTM_FAST_INLINE double kl_beta_exactly(double a, double s, double s_rest, double b, double t,
                                       double t_rest) {
  double difference = difference_of_products(a, t, b, s) + (a * t_rest - b * s_rest);
  if (s > a && t > b) {
    const double x = a, y = b;
    a = s, b = t, s = x, t = y;
    difference = -difference;
  }
  const double A = a + s, B = b + t, scale = B / A;
  const double shares = b * rate_divergence(a / b * scale, difference / (b * A)) +
                        t * rate_divergence(s / t * scale, -difference / (t * A));
  const double rest = s <= a && t <= b ? gap_divergence_change(a, s, b, t)
                                       : gap_divergence(a, b) - gap_divergence(A, B);
  return shares + (gap_divergence(s, t) + rest);
}

// sum += x, with its rounding error in rest
NTM_FAST_INLINE void add_exactly(double x, double& sum, double& rest) {
  const double next = sum + x, added = next - sum;
  rest += (sum - (next - added)) + (x - added);
  sum = next;
}

// at(j, k) is argument j of topic k.
template <class At>
NTM_FAST_INLINE double kl_dirichlet_exactly(const At& at, int64_t topics) {
  double s = at(0, topics - 1), t = at(1, topics - 1), s_rest = 0, t_rest = 0, kl = 0;
  for (int64_t k = topics - 2; k >= 0; --k) {
    const double a = at(0, k), b = at(1, k);
    kl += kl_beta_exactly(a, s, s_rest, b, t, t_rest);
    add_exactly(a, s, s_rest);
    add_exactly(b, t, t_rest);
  }
  return kl;
}

// a ψ'(a) - 1 - b ψ'(a): the derivative of D(a, b) to a, without a part that cancels with that of
// the sums in a Dirichlet.
NTM_FAST_INLINE double divergence_slope_less_one(double a, double b) {
  return b < .5 * a ? a * stirling_gap_curvature(a) - b * trigamma(a) : (a - b) * trigamma(a) - 1.;
}

NTM_FAST_ISA_END
