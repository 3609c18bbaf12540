#pragma once
// Rows of float or double taken in pieces of a fixed number of double lanes, for kernels whose
// terms are computed in double: the loops over lanes vectorise, and sums have the same order
// everywhere.

#include <stdint.h>

#include "../math/host_device.h"

NTM_FAST_ISA_BEGIN

constexpr int piece = 16;

// from[0..n) as doubles, n <= piece; the rest is 1, which every argument may be.
template <class T>
NTM_FAST_INLINE void load_piece(double (&to)[piece], const T* from, int64_t n) {
  if (n >= piece) {
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) to[i] = double(from[i]);
  } else {
    for (int i = 0; i < piece; ++i) to[i] = i < n ? double(from[i]) : 1.;
  }
}

template <class T>
NTM_FAST_INLINE void store_piece(T* to, const double (&from)[piece], int64_t n) {
  if (n >= piece) {
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) to[i] = T(from[i]);
  } else {
    for (int i = 0; i < n; ++i) to[i] = T(from[i]);
  }
}

NTM_FAST_INLINE double sum(const double (&lanes)[piece]) {
  double total = 0;
  for (int i = 0; i < piece; ++i) total += lanes[i];
  return total;
}

// Sum of from[0..n), the order that of the pieces.
template <class T>
NTM_FAST_INLINE double sum(const T* from, int64_t n) {
  double lanes[piece] = {};
  int64_t k = 0;
  for (; k + piece <= n; k += piece) {
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) lanes[i] += double(from[k + i]);
  }
  for (int i = 0; k < n; ++k, ++i) lanes[i] += double(from[k]);
  return sum(lanes);
}

NTM_FAST_ISA_END
