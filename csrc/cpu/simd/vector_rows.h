#pragma once
// Rows of any length as vector registers: parts of a register at a row's end, and sums of weighted
// rows.

#include "cpu/simd/vector_exp.h"
#include "cpu_level.h"
#include "csr.h"

NTM_FAST_ISA_BEGIN

NTM_FAST_INLINE int64_t padded(int64_t n) {
  return (n + row_padding - 1) / row_padding * row_padding;
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// All bits of the first n lanes.
template <class T>
NTM_FAST_INLINE __m256i first_lanes(int64_t n) {
  if constexpr (sizeof(T) == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(int32_t(n)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
}
#endif

// The first n lanes, 0 < n <= width; the others are zero, and are not read or written.
template <class T>
NTM_FAST_INLINE typename Vector<T>::type load_part(const T* from, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (typename Vector<T>::type)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), from);
  } else {
    return (typename Vector<T>::type)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), from);
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    return (typename Vector<T>::type)_mm256_maskload_ps(from, first_lanes<T>(n));
  } else {
    return (typename Vector<T>::type)_mm256_maskload_pd(from, first_lanes<T>(n));
  }
#else
  typename Vector<T>::type v{};
  for (int i = 0; i < Vector<T>::width; ++i) {
    if (i < n) v[i] = from[i];
  }
  return v;
#endif
}

template <class T>
NTM_FAST_INLINE void store_part(T* to, typename Vector<T>::type v, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(to, __mmask16((1u << n) - 1), (__m512)v);
  } else {
    _mm512_mask_storeu_pd(to, __mmask8((1u << n) - 1), (__m512d)v);
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_ps(to, first_lanes<T>(n), (__m256)v);
  } else {
    _mm256_maskstore_pd(to, first_lanes<T>(n), (__m256d)v);
  }
#else
  for (int i = 0; i < Vector<T>::width; ++i) {
    if (i < n) to[i] = v[i];
  }
#endif
}

// sums[j] += coefficient(i) * (vector j of row(i)) for i in [begin, end); the sums stay in
// registers. Rows are read as whole vectors, the last one, if last_lanes > 0, in part.
template <class T, int VECTORS, class Coefficient, class Row>
NTM_FAST_INLINE void add_rows(typename Vector<T>::type (&sums)[VECTORS], int64_t begin, int64_t end,
                              int64_t last_lanes, const Coefficient& coefficient, const Row& row) {
  constexpr int64_t ahead = 4, width = Vector<T>::width;
  for (int64_t i = begin; i < end; ++i) {
    if (i + ahead < end) {
      const T* next = row(i + ahead);
#pragma GCC unroll 8
      for (int j = 0; j < VECTORS; ++j) __builtin_prefetch(next + j * width);
    }
    const T* from = row(i);
    const T c = coefficient(i);
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; ++j) {
      const bool part = j == VECTORS - 1 && last_lanes > 0;
      sums[j] += c * (part ? load_part(from + j * width, last_lanes) : load(from + j * width));
    }
  }
}

// Calls f(count, first, last_lanes) for each panel of at most max_row_vectors vectors of a row of n
// elements: count is an std::integral_constant-like value, first the panel's first element, and
// last_lanes the lanes of the panel's last vector if it is only a part, else 0.
constexpr int max_row_vectors = vector_registers == 32 ? 8 : 4;

template <int N>
struct Count {
  static constexpr int value = N;
};

template <class T, class F>
NTM_FAST_INLINE void for_panels(int64_t n, const F& f) {
  constexpr int64_t width = Vector<T>::width, most = max_row_vectors * width;
  int64_t first = 0;
  for (; n - first >= most; first += most) f(Count<max_row_vectors>{}, first, int64_t{0});
  const int64_t left = n - first, lanes = left % width;
  switch ((left + width - 1) / width) {
    case 1: f(Count<1>{}, first, lanes); break;
    case 2: f(Count<2>{}, first, lanes); break;
    case 3: f(Count<3>{}, first, lanes); break;
    case 4: f(Count<4>{}, first, lanes); break;
#if defined(__AVX512F__)
    case 5: f(Count<5>{}, first, lanes); break;
    case 6: f(Count<6>{}, first, lanes); break;
    case 7: f(Count<7>{}, first, lanes); break;
    case 8: f(Count<8>{}, first, lanes); break;
#endif
    default: break;
  }
}

NTM_FAST_ISA_END
