#pragma once
// exp and log for float and double, branch-free, so that loops over them vectorise on every
// instruction set without -ffast-math (with it NaN and infinity would be lost; without it compilers
// call the scalar library). On CUDA the native functions are used.
//
// Measured over 10^7 points against long double (tests/kernels/test_math.py):
//   exp float <= 1.00 ulp, exp double <= .98 ulp; denormal results <= .78 of their spacing
//   log float <= .83 ulp, log double <= .84 ulp; denormal arguments included
// Specials as in C: exp(-inf)=0, exp(inf)=inf, log(0)=-inf, log(<0)=NaN, NaN stays NaN.
//
// Sources: exp, log float: Cephes expf/logf (Moshier) minimax polynomials; exp double: Taylor
// polynomial of degree 13 on |r| <= log(2)/2; log double: fdlibm e_log.c (Sun, 1993).

#include <stdint.h>

#include "host_device.h"

#ifdef __CUDACC__
#include <math.h>
#endif

NTM_FAST_ISA_BEGIN

NTM_FAST_INLINE float as_float(int32_t bits) { return __builtin_bit_cast(float, bits); }
NTM_FAST_INLINE double as_double(int64_t bits) { return __builtin_bit_cast(double, bits); }
NTM_FAST_INLINE int32_t as_bits(float x) { return __builtin_bit_cast(int32_t, x); }
NTM_FAST_INLINE int64_t as_bits(double x) { return __builtin_bit_cast(int64_t, x); }

#ifdef __CUDACC__

NTM_FAST_INLINE float exp(float x) { return ::expf(x); }
NTM_FAST_INLINE double exp(double x) { return ::exp(x); }
NTM_FAST_INLINE float log(float x) { return ::logf(x); }
NTM_FAST_INLINE double log(double x) { return ::log(x); }

#else

// Adding and subtracting this rounds to the nearest integer, which is then in the low bits.
constexpr float round_shift_float = 0x1.8p23f;
constexpr double round_shift_double = 0x1.8p52;

// 2^n for an integral n in [-126, 127].
NTM_FAST_INLINE float power_of_two(float n) {
  return as_float(int32_t((uint32_t(as_bits(n + round_shift_float)) + 127) << 23));
}
// 2^n for an integral n in [-1022, 1023].
NTM_FAST_INLINE double power_of_two(double n) {
  return as_double(int64_t((uint64_t(as_bits(n + round_shift_double)) + 1023) << 52));
}

// exp(r) for |r| <= log(2) / 2, for floats or lanes of them; likewise for doubles.
template <class V>
NTM_FAST_INLINE V exp_reduced_float(V r) {
  V p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return (p * (r * r) + r) + 1.f;  // in this order only the last sum rounds to a whole ulp
}
template <class V>
NTM_FAST_INLINE V exp_reduced_double(V r) {
  V p = (1. / 6227020800.) * r + 1. / 479001600.;
  p = p * r + 1. / 39916800.;
  p = p * r + 1. / 3628800.;
  p = p * r + 1. / 362880.;
  p = p * r + 1. / 40320.;
  p = p * r + 1. / 5040.;
  p = p * r + 1. / 720.;
  p = p * r + 1. / 120.;
  p = p * r + 1. / 24.;
  p = p * r + 1. / 6.;
  p = p * r + .5;
  return p * (r * r) + r + 1.;
}

// x - n log(2) with n = x / log(2) rounded, in two steps so that nothing is lost.
template <class V>
NTM_FAST_INLINE V reduce_float(V x, V n) {
  return (x - n * 0.693359375f) - n * -2.12194440e-4f;
}
template <class V>
NTM_FAST_INLINE V reduce_double(V x, V n) {
  return (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
}

NTM_FAST_INLINE float exp(float x) {
  x = x < -104.f ? -104.f : x;  // NaN passes both comparisons
  x = x > 89.f ? 89.f : x;
  const float n = (x * 1.44269504088896341f + round_shift_float) - round_shift_float;
  const float y = exp_reduced_float(reduce_float(x, n));
  // Two factors, because 2^n alone is not a normal number for the largest and smallest results.
  const float half = (n * .5f + round_shift_float) - round_shift_float;
  return (y * power_of_two(half)) * power_of_two(n - half);
}

NTM_FAST_INLINE double exp(double x) {
  x = x < -746. ? -746. : x;
  x = x > 710. ? 710. : x;
  const double n = (x * 1.4426950408889634074 + round_shift_double) - round_shift_double;
  const double y = exp_reduced_double(reduce_double(x, n));
  const double half = (n * .5 + round_shift_double) - round_shift_double;
  return (y * power_of_two(half)) * power_of_two(n - half);
}

NTM_FAST_INLINE float log(float x) {
  const bool tiny = x < 0x1p-126f;
  const float scaled = tiny ? x * 0x1p23f : x;
  // Split x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
  const int32_t bits = int32_t(uint32_t(as_bits(scaled)) - 0x3f3504f3u);  // wraps for 0 and NaN
  const float e = float(bits >> 23) - (tiny ? 23.f : 0.f);
  const float m = as_float((bits & 0x7fffff) + 0x3f3504f3);
  const float f = m - 1.f;
  const float z = f * f;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  float y = f * z * p;
  y = y + e * -2.12194440e-4f;
  y = y - .5f * z;
  y = (f + y) + e * 0.693359375f;
  y = x == __builtin_inff() ? x : y;
  y = x == 0.f ? -__builtin_inff() : y;
  return x >= 0.f ? y : __builtin_nanf("");
}

NTM_FAST_INLINE double log(double x) {
  const bool tiny = x < 0x1p-1022;
  const double scaled = tiny ? x * 0x1p54 : x;
  const uint64_t bits = uint64_t(as_bits(scaled)) - 0x3fe6a09e667f3bcdu;
  // The biased exponent goes through the mantissa of 2^52, as AVX2 cannot convert 64-bit integers.
  const int64_t biased = int64_t((bits + 0x3ff0000000000000u) >> 52);
  const double e = (as_double(biased | 0x4330000000000000) - 0x1p52) - (tiny ? 1077. : 1023.);
  const double m = as_double(int64_t((bits & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu));
  const double f = m - 1.;
  const double s = f / (2. + f);
  const double z = s * s;
  double r = 1.479819860511658591e-01;
  r = r * z + 1.531383769920937332e-01;
  r = r * z + 1.818357216161805012e-01;
  r = r * z + 2.222219843214978396e-01;
  r = r * z + 2.857142874366239149e-01;
  r = r * z + 3.999999999940941908e-01;
  r = r * z + 6.666666666666735130e-01;
  r = r * z;
  const double half_square = .5 * f * f;
  double y = e * 6.93147180369123816490e-01 -
             ((half_square - (s * (half_square + r) + e * 1.90821492927058770002e-10)) - f);
  y = x == __builtin_inf() ? x : y;
  y = x == 0. ? -__builtin_inf() : y;
  return x >= 0. ? y : __builtin_nan("");
}

#endif

NTM_FAST_ISA_END
