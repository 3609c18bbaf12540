#pragma once
// Exponentials of a vector register, for loops that have no use for denormal results. Measured
// errors: tests/kernels/test_vector_exp.py.

#include "cpu/simd/vector.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

NTM_FAST_ISA_BEGIN

// 2^f for |f| <= 1/2: polynomials that interpolate (2^f - 1) / f at the Chebyshev points.
NTM_FAST_INLINE Vector<float>::type exp2_polynomial(Vector<float>::type f) {
  auto p = 1.5453163360e-4f * f + 1.3390863314e-3f;
  p = p * f + 9.6180830150e-3f;
  p = p * f + 5.5503569543e-2f;
  p = p * f + 2.4022650719e-1f;
  p = p * f + 6.9314718246e-1f;
  p = p * f + 1.f;
  return p;
}
NTM_FAST_INLINE Vector<double>::type exp2_polynomial(Vector<double>::type f) {
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
  return p;
}

// 2^t for t below 127 (1023 in double); where that would be denormal, 2^-126 (2^-1022), the
// smallest normal number. NaN stays. Relative error <= 1.25 ulp.
NTM_FAST_INLINE Vector<float>::type exp2_bounded(Vector<float>::type t) {
#if defined(__AVX512F__)
  t = (Vector<float>::type)_mm512_maskz_max_ps(__mmask16(-1), _mm512_set1_ps(-126.f),
                                               (__m512)t);  // NaN: the second
  const auto n = (Vector<float>::type)_mm512_maskz_roundscale_ps(__mmask16(-1), (__m512)t, 0);
#else
  typedef uint32_t Bits __attribute__((vector_size(vector_bytes)));
  t = t < -126.f ? Vector<float>::type{} - 126.f : t;
  const auto shifted = t + 0x1.8p23f;
  const auto n = shifted - 0x1.8p23f;
#endif
  const auto f = t - n;
  const auto p = exp2_polynomial(f);
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
  typedef uint64_t Bits __attribute__((vector_size(vector_bytes)));
  t = t < -1022. ? Vector<double>::type{} - 1022. : t;
  const auto shifted = t + 0x1.8p52;
  const auto n = shifted - 0x1.8p52;
#endif
  const auto f = t - n;
  const auto p = exp2_polynomial(f);
#if defined(__AVX512F__)
  return (Vector<double>::type)_mm512_maskz_scalef_pd(__mmask8(-1), (__m512d)p, (__m512d)n);
#else
  return (Vector<double>::type)((Bits)p + ((Bits)shifted << 52));
#endif
}

// exp(x) for x <= 88 (709 in double), 0 below -87.3 (-708.3): no result is denormal. NaN stays.
// Relative error <= (1.25 + |x|) ulp: the small results, which err most, weigh least in a sum.
template <class V>
NTM_FAST_INLINE V exp_flushed(V x) {
  using T = typename LaneTraits<V>::Scalar;
  const T log2_of_e = T(1.44269504088896340736), least = sizeof(T) == 4 ? T(-126) : T(-1022);
  const V t = x * log2_of_e;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const auto n = (V)_mm512_maskz_roundscale_ps(__mmask16(-1), (__m512)t, 0);
    const auto normal = _mm512_cmp_ps_mask((__m512)t, _mm512_set1_ps(least), _CMP_NLT_UQ);
    const auto p = exp2_polynomial(x * log2_of_e - n);
    return (V)_mm512_maskz_scalef_ps(normal, (__m512)p, (__m512)n);
  } else {
    const auto n = (V)_mm512_maskz_roundscale_pd(__mmask8(-1), (__m512d)t, 0);
    const auto normal = _mm512_cmp_pd_mask((__m512d)t, _mm512_set1_pd(least), _CMP_NLT_UQ);
    const auto p = exp2_polynomial(x * log2_of_e - n);
    return (V)_mm512_maskz_scalef_pd(normal, (__m512d)p, (__m512d)n);
  }
#else
  return t < least ? V{} : exp2_bounded(t);
#endif
}

NTM_FAST_ISA_END
