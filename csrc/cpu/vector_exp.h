#pragma once
// Exponentials of a vector register, for loops that have no use for denormal results. Measured
// errors: tests/test_vector_exp.py.

#include "vector.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

NTM_FAST_ISA_BEGIN

// exp(x) for x <= 88 (709 in double), 0 below -87 (-708): no result is denormal. NaN stays NaN.
// Relative error <= 1.25 ulp; polynomials of math/exp_log.h.
NTM_FAST_INLINE Vector<float>::type exp_flushed(Vector<float>::type x) {
  typedef int32_t Bits __attribute__((vector_size(vector_bytes)));
  const auto shifted = x * 1.44269504088896341f + 0x1.8p23f;
  const auto n = shifted - 0x1.8p23f;
  auto r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  auto p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const auto y = p * (r * r) + (r + 1.f);
  const auto scaled = (Vector<float>::type)((Bits)y + ((Bits)shifted << 23));
  return x < -87.f ? Vector<float>::type{} : scaled;
}

NTM_FAST_INLINE Vector<double>::type exp_flushed(Vector<double>::type x) {
  typedef int64_t Bits __attribute__((vector_size(vector_bytes)));
  const auto shifted = x * 1.4426950408889634074 + 0x1.8p52;
  const auto n = shifted - 0x1.8p52;
  auto r = x - n * 6.93147180369123816490e-01;
  r = r - n * 1.90821492927058770002e-10;
  auto p = (1. / 6227020800.) * r + 1. / 479001600.;
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
  const auto y = p * (r * r) + r + 1.;
  const auto scaled = (Vector<double>::type)((Bits)y + ((Bits)shifted << 52));
  return x < -708. ? Vector<double>::type{} : scaled;
}

// 2^t for t below 127 (1023 in double); where that would be denormal, 2^-126 (2^-1022), the
// smallest normal number. NaN stays. Relative error <= 1.25 ulp; polynomials that interpolate (2^f
// - 1) / f at the Chebyshev points of
// [-1/2, 1/2].
NTM_FAST_INLINE Vector<float>::type exp2_bounded(Vector<float>::type t) {
#if defined(__AVX512F__)
  t = (Vector<float>::type)_mm512_maskz_max_ps(__mmask16(-1), _mm512_set1_ps(-126.f),
                                               (__m512)t);  // NaN: the second
  const auto n = (Vector<float>::type)_mm512_maskz_roundscale_ps(__mmask16(-1), (__m512)t, 0);
#else
  typedef int32_t Bits __attribute__((vector_size(vector_bytes)));
  t = t < -126.f ? Vector<float>::type{} - 126.f : t;
  const auto shifted = t + 0x1.8p23f;
  const auto n = shifted - 0x1.8p23f;
#endif
  const auto f = t - n;
  auto p = 1.5453163360e-4f * f + 1.3390863314e-3f;
  p = p * f + 9.6180830150e-3f;
  p = p * f + 5.5503569543e-2f;
  p = p * f + 2.4022650719e-1f;
  p = p * f + 6.9314718246e-1f;
  p = p * f + 1.f;
#if defined(__AVX512F__)
  return (Vector<float>::type)_mm512_maskz_scalef_ps(__mmask16(-1), (__m512)p, (__m512)n);
#else
  return (Vector<float>::type)((Bits)p + ((Bits)shifted << 23));
#endif
}

NTM_FAST_INLINE Vector<double>::type exp2_bounded(Vector<double>::type t) {
#if defined(__AVX512F__)
  t = (Vector<double>::type)_mm512_maskz_max_pd(__mmask8(-1), _mm512_set1_pd(-1022.),
                                                (__m512d)t);  // NaN: the second
  const auto n = (Vector<double>::type)_mm512_maskz_roundscale_pd(__mmask8(-1), (__m512d)t, 0);
#else
  typedef int64_t Bits __attribute__((vector_size(vector_bytes)));
  t = t < -1022. ? Vector<double>::type{} - 1022. : t;
  const auto shifted = t + 0x1.8p52;
  const auto n = shifted - 0x1.8p52;
#endif
  const auto f = t - n;
  auto p = 2.5729324177362304214e-11 * f + 4.455817908336064493e-10;
  p = p * f + 7.0548973041554992774e-9;
  p = p * f + 1.0178057087733941105e-7;
  p = p * f + 1.321548680870556279e-6;
  p = p * f + 0.000015252733841556772589;
  p = p * f + 0.00015403530393370733411;
  p = p * f + 0.0013333558146406470697;
  p = p * f + 0.0096181291076284794928;
  p = p * f + 0.055504108664821627039;
  p = p * f + 0.24022650695910071233;
  p = p * f + 0.69314718055994530925;
  p = p * f + 1.;
#if defined(__AVX512F__)
  return (Vector<double>::type)_mm512_maskz_scalef_pd(__mmask8(-1), (__m512d)p, (__m512d)n);
#else
  return (Vector<double>::type)((Bits)p + ((Bits)shifted << 52));
#endif
}

NTM_FAST_ISA_END
