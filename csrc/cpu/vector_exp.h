#pragma once
// Exponentials of a vector register, for loops that have no use for denormal results.

#include "../math/exp_log.h"
#include "vector.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

NTM_FAST_ISA_BEGIN

// exp(x) for x <= 88 (709 in double), 0 below -87 (-708): no result is denormal. NaN stays NaN.
// Relative error <= 1.2 ulp; polynomials of math/exp_log.h.
NTM_FAST_INLINE FloatLanes exp_flushed(FloatLanes x) {
  const FloatLanes shifted = x * 1.44269504088896341f + round_shift_float;
  const FloatLanes y = exp_reduced_float(reduce_float(x, shifted - round_shift_float));
  return select(x < -87.f, FloatLanes{}, FloatLanes(Int32Lanes(y) + (Int32Lanes(shifted) << 23)));
}
NTM_FAST_INLINE DoubleLanes exp_flushed(DoubleLanes x) {
  const DoubleLanes shifted = x * 1.4426950408889634074 + round_shift_double;
  const DoubleLanes y = exp_reduced_double(reduce_double(x, shifted - round_shift_double));
  return select(x < -708., DoubleLanes{}, DoubleLanes(Int64Lanes(y) + (Int64Lanes(shifted) << 52)));
}

// 2^t for t below 127 (1023 in double); where that would be denormal, 2^-126 (2^-1022), the
// smallest normal number. NaN stays. Relative error <= 1.2 ulp; polynomials that interpolate (2^f -
// 1) / f at the Chebyshev points of
// [-1/2, 1/2].
NTM_FAST_INLINE FloatLanes exp2_bounded(FloatLanes t) {
#if defined(__AVX512F__)
  t = (FloatLanes)_mm512_maskz_max_ps(__mmask16(-1), _mm512_set1_ps(-126.f),
                                      (__m512)t);  // NaN: the second
  const auto n = (FloatLanes)_mm512_maskz_roundscale_ps(__mmask16(-1), (__m512)t, 0);
#else
  t = t < -126.f ? FloatLanes{} - 126.f : t;
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
  return (FloatLanes)_mm512_maskz_scalef_ps(__mmask16(-1), (__m512)p, (__m512)n);
#else
  return FloatLanes(Int32Lanes(p) + (Int32Lanes(shifted) << 23));
#endif
}

NTM_FAST_INLINE DoubleLanes exp2_bounded(DoubleLanes t) {
#if defined(__AVX512F__)
  t = (DoubleLanes)_mm512_maskz_max_pd(__mmask8(-1), _mm512_set1_pd(-1022.),
                                       (__m512d)t);  // NaN: the second
  const auto n = (DoubleLanes)_mm512_maskz_roundscale_pd(__mmask8(-1), (__m512d)t, 0);
#else
  t = t < -1022. ? DoubleLanes{} - 1022. : t;
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
  return (DoubleLanes)_mm512_maskz_scalef_pd(__mmask8(-1), (__m512d)p, (__m512d)n);
#else
  return DoubleLanes(Int64Lanes(p) + (Int64Lanes(shifted) << 52));
#endif
}

NTM_FAST_ISA_END
