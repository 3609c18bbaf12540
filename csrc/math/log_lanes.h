#pragma once
// Logarithm and exponential for scalars and lanes, to the accuracy of a grade
// (gamma_gradient_tables.h). Logarithms are of normal positive numbers only: no zero, infinity, NaN
// or denormals. exp_log.h has the general functions.

#include "exp_log.h"
#include "gamma_gradient_tables.h"
#include "lanes.h"

NTM_FAST_ISA_BEGIN

// beta = mantissa * 2^exponent with the mantissa from sqrt(1/2) to sqrt(2).
template <class T>
struct Split {
  T mantissa, exponent;
};

#ifdef __CUDACC__
NTM_FAST_INLINE Split<float> split(float beta) {
  const int32_t bits = int32_t(uint32_t(as_bits(beta)) - 0x3f3504f3u);
  return {as_float((bits & 0x7fffff) + 0x3f3504f3), float(bits >> 23)};
}
NTM_FAST_INLINE Split<double> split(double beta) {
  const int64_t bits = int64_t(uint64_t(as_bits(beta)) - 0x3fe6a09e667f3bcdu);
  return {as_double((bits & 0xfffffffffffff) + 0x3fe6a09e667f3bcd), double(int32_t(bits >> 52))};
}
#else
NTM_FAST_INLINE Split<FloatLanes> split(FloatLanes beta) {
  const Int32Lanes bits = Int32Lanes(Uint32Lanes(beta) - 0x3f3504f3u);
  return {FloatLanes((bits & 0x7fffff) + 0x3f3504f3),
          __builtin_convertvector(bits >> 23, FloatLanes)};
}
NTM_FAST_INLINE Split<DoubleLanes> split(DoubleLanes beta) {
  const Uint64Lanes bits = Uint64Lanes(beta) - 0x3fe6a09e667f3bcdu;
  // The biased exponent goes through the mantissa of 2^52, as AVX2 cannot convert 64-bit integers.
  const Uint64Lanes biased = (bits + 0x3ff0000000000000u) >> 52;
  return {DoubleLanes((bits & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu),
          (DoubleLanes(biased | 0x4330000000000000) - 0x1p52) - 1023.};
}
#endif

// log(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2)
template <class Grade, class T>
NTM_FAST_INLINE T log1p_reduced(T f) {
  using S = Scalar<T>;
  const T square = f * f;
  const T cubic = square * f * (S(1) / S(3) + f * Grade::template log1p_remainder<T>(f));
  return f + (cubic - S(.5) * square);
}

// log(2) = high + low; high has few enough digits for its products with exponents to be exact.
template <class S>
constexpr S log2_high = sizeof(S) == 4 ? S(0.693359375) : S(6.93147180369123816490e-01);
template <class S>
constexpr S log2_low = sizeof(S) == 4 ? S(-2.12194440e-4) : S(1.90821492927058770002e-10);

// exponent log(2) + log(1 + f)
template <class Grade, class T>
NTM_FAST_INLINE T log_split(T exponent, T f) {
  using S = Scalar<T>;
  return exponent * log2_high<S> + (exponent * log2_low<S> + log1p_reduced<Grade>(f));
}

template <class Grade, class T>
NTM_FAST_INLINE T log_normal(T x) {
  const Split<T> s = split(x);
  return log_split<Grade>(s.exponent, s.mantissa - Scalar<T>(1));
}

// exp of x clamped to [least, most]; exp(least) must be a normal number, and exp(most) a normal
// number or infinity (most = 710 for double, 89 for float). NaN stays NaN.
#ifdef __CUDACC__
template <class Grade, class T>
NTM_FAST_INLINE T exp_clamped(T x, T least, T most) {
  return exp(x < least ? least : x > most ? most : x);
}
#else
template <class Grade>
NTM_FAST_INLINE FloatLanes exp_clamped(FloatLanes x, float least, float most) {
  x = select(x < least, splat<FloatLanes>(least), x);
  x = select(x > most, splat<FloatLanes>(most), x);
  const FloatLanes shifted = x * 1.44269504f + round_shift_float;
  const FloatLanes n = shifted - round_shift_float;
  const FloatLanes r = (x - n * log2_high<float>)-n * log2_low<float>;
  const Uint32Lanes power = (Uint32Lanes(shifted) + 127) << 23;
  return Grade::exp_reduced(r) * FloatLanes(power);
}
template <class Grade>
NTM_FAST_INLINE DoubleLanes exp_clamped(DoubleLanes x, double least, double most) {
  x = select(x < least, splat<DoubleLanes>(least), x);
  x = select(x > most, splat<DoubleLanes>(most), x);
  const DoubleLanes shifted = x * 1.4426950408889634074 + round_shift_double;
  const DoubleLanes n = shifted - round_shift_double;
  const DoubleLanes r = (x - n * log2_high<double>)-n * log2_low<double>;
  const Uint64Lanes power = (Uint64Lanes(shifted) + 1023) << 52;
  return Grade::exp_reduced(r) * DoubleLanes(power);
}
#endif

NTM_FAST_ISA_END
