#pragma once
// D(a, b) = log Γ(b) - log Γ(a) - (b - a) ψ(a) >= 0: the height of log Γ at b above its tangent at
// a. KL divergences of gamma and Dirichlet distributions are sums of it, without the cancellation
// of their usual form (whose terms grow as a log a):
//   KL(Dir(a) ‖ Dir(b)) = Σ_k D(a_k, b_k) - D(Σ a, Σ b)
//   KL(Gamma(a, r) ‖ Gamma(b, q)) = D(a, b) + b (w - 1 - log w) + (a - b)(w - 1), w = q / r
//
// Both arguments are shifted up by 8 with the exact recurrence (special.h), then with A = a + 8,
// B = b + 8, u = (b - a) / A and s the remainder of Stirling's series,
//   D(A, B) = B log(B / A) - (b - a) - ½ [log(1 + u) - u] + s(B) - s(A) - (b - a) s'(A).
//
// Measured against mpmath, a and b from 1e-30 to 1e30 (tests/kernels/test_special.py): error at
// most 3e-15 max(D, 1); below 1e-18 for a = b. Beyond 1e38 the eight factors overflow and the
// result is NaN.

#include "special.h"

NTM_FAST_ISA_BEGIN

// log q and log(1 + f) - f, without cancellation, for f = u if it is small, else f = m - 1 for the
// mantissa m of q. The polynomial is fdlibm's (e_log.c), which is that of log in exp_log.h.
struct LogAndRemainder {
  double log_q, remainder;
  NTM_FAST_INLINE LogAndRemainder(double q, double u, bool near) {
    const uint64_t bits = uint64_t(as_bits(q)) - 0x3fe6a09e667f3bcdu;
    const int64_t biased = int64_t((bits + 0x3ff0000000000000u) >> 52);
    const double e = (as_double(biased | 0x4330000000000000) - 0x1p52) - 1023.;
    const double f =
        near ? u : as_double(int64_t((bits & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu)) - 1.;
    const double s = f / (2. + f), z = s * s, half_square = .5 * f * f;
    double r = 1.479819860511658591e-01;
    r = r * z + 1.531383769920937332e-01;
    r = r * z + 1.818357216161805012e-01;
    r = r * z + 2.222219843214978396e-01;
    r = r * z + 2.857142874366239149e-01;
    r = r * z + 3.999999999940941908e-01;
    r = r * z + 6.666666666666735130e-01;
    remainder = s * (half_square + r * z) - half_square;
    log_q = e * 6.93147180369123816490e-01 + ((e * 1.90821492927058770002e-10 + remainder) + f);
  }
};

NTM_FAST_INLINE double lgamma_divergence(double a, double b) {
  const EightFactors from(a), to(b);
  const double difference = b - a, A = a + 8., B = b + 8.;
  const double shift =
      difference * (from.derivative(a) / from.product) - log(to.product / from.product);
  const double inverse = 1. / (A * B), inverse_a = inverse * B, inverse_b = inverse * A;
  const double u = difference * inverse_a;
  const bool near = u > -.29 && u < .41;
  const LogAndRemainder l(B * inverse_a, u, near);
  const double main =
      near ? (B - .5) * l.remainder + A * (u * u) : (B - .5) * l.log_q - difference + .5 * u;
  const double z = inverse_a * inverse_a;
  const double series = stirling_series(inverse_b * inverse_b) * inverse_b -
                        stirling_series(z) * inverse_a + difference * digamma_series(z);
  return shift + (main + series);
}

// w - 1 for w = q / r.
NTM_FAST_INLINE double excess_rate(double rate, double prior_rate) {
  const double ratio = prior_rate / rate, difference = (prior_rate - rate) / rate;
  return rate == __builtin_inf() ? ratio - 1. : difference;
}

// w - 1 - log w for w = q / r, w - 1 = excess, without cancellation; infinity for w = 0.
NTM_FAST_INLINE double rate_divergence(double ratio, double excess) {
  const bool near = excess > -.29 && excess < .41;
  const LogAndRemainder l(ratio, near ? excess : 0., near);
  const double from_log = excess - l.log_q, from_remainder = -l.remainder;
  const double finite = near ? from_remainder : from_log;
  return ratio == 0. ? __builtin_inf() : finite;
}

NTM_FAST_ISA_END
