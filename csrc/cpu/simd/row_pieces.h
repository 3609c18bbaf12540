#pragma once
// Rows in pieces of a fixed number of lanes: the loops over lanes vectorise, and sums have the same
// order for every width of the vectors.

#include <stdint.h>

#include "math/host_device.h"

NTM_FAST_ISA_BEGIN

constexpr int piece = 16;

// f(first element, how many) for each piece of n elements; f should be always inlined, so that full
// pieces are known to be full.
template <class F>
NTM_FAST_INLINE void for_pieces(int64_t n, const F& f) {
  int64_t k = 0;
  for (; k + piece <= n; k += piece) f(k, piece);
  if (k < n) f(k, int(n - k));
}

// from[0..n), n <= piece; the rest is 1, which every argument may be.
template <class R, class T>
NTM_FAST_INLINE void load_piece(R (&to)[piece], const T* from, int n) {
  NTM_FAST_SIMD for (int i = 0; i < piece; ++i) to[i] = i < n ? R(from[i]) : R(1);
}

template <class R, class T>
NTM_FAST_INLINE void store_piece(T* to, const R (&from)[piece], int n) {
  NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
    if (i < n) to[i] = T(from[i]);
  }
}

// lanes += from[0..n), n <= piece.
template <class R, class T>
NTM_FAST_INLINE void add_piece(R (&lanes)[piece], const T* from, int n) {
  NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
    if (i < n) lanes[i] += R(from[i]);
  }
}

template <class R>
NTM_FAST_INLINE double sum(const R (&lanes)[piece]) {
  double total = 0;
  for (int i = 0; i < piece; ++i) total += double(lanes[i]);
  return total;
}

// Sum of from[0..n), in double.
template <class T>
NTM_FAST_INLINE double sum(const T* from, int64_t n) {
  double lanes[piece] = {};
  for_pieces(n, [&](int64_t k, int count)
                    __attribute__((always_inline)) { add_piece(lanes, from + k, count); });
  return sum(lanes);
}

NTM_FAST_ISA_END
