#pragma once
// The implicit gradient L = d log x / d alpha of draws x ~ Gamma(alpha, 1), the probability below x
// held fixed, as a function of (alpha, log x), so that it also works for draws too small for x.
//
// E = alpha L is a smooth function of u = log(x / alpha) and t = 1 / alpha down to t = 0:
// - alpha >= shift and x not far below alpha: a polynomial in (u, t) (gamma_gradient_tables.h);
// - smaller alpha or x: the polynomial at alpha + shift, then the exact steps down
//   E(a, x) = psi(a+1) - log x + x / (a+1) E(a+1, x);
// - x far above alpha (rare): Legendre's continued fraction of the upper incomplete gamma function
//   with its derivative in alpha (DLMF 8.9.2), over a fixed number of steps.
// Neither exp(-x), the density nor lgamma occurs, so nothing cancels, overflows or underflows.
// As log x -> -inf, L -> (psi(alpha+1) - log x) / alpha; as log x -> inf, L -> 0; NaN stays NaN.
// The caller has to refuse alpha <= 0.
//
// Max relative error, alpha from 1e-6 to 1e10 and log x from -1e6 to far upper tails, against 25
// digits: DoubleGrade in double 8e-15, SingleGrade in double 6e-8, FloatGrade in float 7e-7.

#include "log_lanes.h"

NTM_FAST_ISA_BEGIN

// l - log(beta) for normal positive beta. The large parts of l and of log(beta) are subtracted
// first and exactly, so that the difference keeps its digits when both are far from 0.
template <class Grade, class T>
NTM_FAST_INLINE T minus_log(T l, T beta) {
  using S = Scalar<T>;
  const Split<T> s = split(beta);
  const T high = s.exponent * log2_high<S>, low = s.exponent * log2_low<S>;
  const T log_mantissa = log1p_reduced<Grade>(s.mantissa - S(1));
  return ((l - high) - low) - log_mantissa;
}

// The position of (alpha, log x); beta is alpha, or alpha + shift if the recurrence is needed.
template <class T>
struct GammaPoint {
  T x, u, t;  // u = log(x / beta), t = 1 / beta
};

template <class T>
struct GammaGradient {
  T gradient;  // d log x / d alpha; holds outside the tail
  T q;         // psi(alpha + 1) - log x
};

// The gradient in three steps without branches, each short enough for the processor to overlap
// several elements: (alpha, log x) -> point -> E at beta -> gradient at alpha.
template <class Grade, class T>
NTM_FAST_INLINE auto is_shifted(T alpha, T x) {
  return (alpha < Scalar<T>(Grade::shift)) | (x < Scalar<T>(Grade::x_low) * alpha);
}

template <class Grade, class T>
NTM_FAST_INLINE GammaPoint<T> gamma_point(T alpha, T log_x) {
  using S = Scalar<T>;
  const T l = select(log_x > S(1e4), splat<T>(S(1e4)), log_x);  // infinity too; NaN stays
  // A smaller x would change no bit of E, so it stays a normal number; a larger x is infinite, and
  // E is 0.
  constexpr S x_least = sizeof(S) == 4 ? S(-60) : S(-650), x_most = sizeof(S) == 4 ? S(89) : S(710);
  const T x = exp_clamped<Grade>(l, x_least, x_most);
  const T beta = select(is_shifted<Grade>(alpha, x), alpha + S(Grade::shift), alpha);
  return {x, minus_log<Grade>(l, beta), S(1) / beta};
}

template <class Grade, class T>
NTM_FAST_INLINE T gamma_e(T u, T t) {
  using S = Scalar<T>;
  constexpr S low = S(Grade::u_low), high = S(Grade::u_high);
  T clipped = select(u < low, splat<T>(low), u);
  clipped = select(clipped > high, splat<T>(high), clipped);
  const T v = (clipped - (high + low) / 2) * (2 / (high - low));
  return Grade::e(v, S(2 * Grade::shift) * t - S(1));
}

// One step of E(a) = q(a) + x / (a+1) E(a+1), q(a) = q(a+1) - 1 / (a+1), down from a + 1 = beta
// factor, in terms of product = P, the product of the factors so far, P q and P E, so that no step
// divides. Factors lie between 1 / shift and 1: P neither overflows nor underflows.
template <int steps, class T>
NTM_FAST_INLINE void step_down(T factor, T t, T xt, T& product, T& product_q, T& product_e) {
  if constexpr (steps > 0) {
    product_q = factor * product_q - t * product;
    product = factor * product;
    product_e = product_q + xt * product_e;
    step_down<steps - 1>(factor - t, t, xt, product, product_q, product_e);
  }
}

template <class Grade, class T>
NTM_FAST_INLINE GammaGradient<T> gamma_gradient(T alpha, const GammaPoint<T>& point, T e) {
  using S = Scalar<T>;
  const T t = point.t;
  const T q = Grade::h(S(2 * Grade::shift) * t - S(1)) - point.u;
  T product = splat<T>(S(1)), product_q = q, product_e = e;
  step_down<Grade::shift>(splat<T>(S(1)), t, point.x * t, product, product_q, product_e);
  const T alpha_t = alpha * t;
  const T inverse = S(1) / (product * alpha_t);
  const auto shifted = is_shifted<Grade>(alpha, point.x);
  return {select(shifted, product_e * (t * inverse), e * t),
          select(shifted, product_q * (alpha_t * inverse), q)};
}

template <class Grade, class T>
NTM_FAST_INLINE auto in_gamma_tail(T alpha, T x) {
  return x > Scalar<T>(Grade::tail_start) + Scalar<T>(Grade::tail_slope) * alpha;
}

// The gradient in the upper tail.
template <class Grade, class T>
NTM_FAST_INLINE T gamma_gradient_tail(T alpha, T x, T q) {
  using S = Scalar<T>;
  constexpr int steps = Grade::tail_steps;
  T f = x + S(2 * steps + 1) - alpha;
  T df = splat<T>(-1);
  for (int k = steps; k > 0; --k) {
    const T inverse = S(1) / f;
    const T c = S(k) * (S(k) - alpha);
    df = (S(k) + c * df * inverse) * inverse - S(1);
    f = (x + S(2 * k - 1) - alpha) - c * inverse;
  }
  // E = (1 - alpha q - alpha f' / f) / f with 1 - alpha q = alpha (log x - psi(alpha))
  const T inverse = S(1) / f;
  return ((S(1) / alpha - q) - df * inverse) * inverse;
}

#ifdef __CUDACC__

template <class T>
struct DeviceGradeOf {
  using type = FloatGrade;
};
template <>
struct DeviceGradeOf<double> {
  using type = DoubleGrade;
};

// One element per thread; alpha that is not positive and finite gives NaN.
template <class T>
NTM_FAST_INLINE T gamma_implicit_gradient(T alpha, T log_x) {
  using Grade = typename DeviceGradeOf<T>::type;
  if (!(alpha > T(0) && alpha < T(__builtin_inf()))) return T(__builtin_nan(""));
  const GammaPoint<T> point = gamma_point<Grade>(alpha, log_x);
  const GammaGradient<T> result =
      gamma_gradient<Grade>(alpha, point, gamma_e<Grade>(point.u, point.t));
  return in_gamma_tail<Grade>(alpha, point.x) ? gamma_gradient_tail<Grade>(alpha, point.x, result.q)
                                              : result.gradient;
}

#endif

NTM_FAST_ISA_END
