#pragma once
// Small matrix products C (+)= A B in which B and C are panels: [depth or rows, width] contiguous,
// width = 1 to max_panel_vectors vector registers. The accumulators of a block of rows stay in
// registers over the whole depth; each step broadcasts a number of A against a row of B.

#include "vector.h"

NTM_FAST_ISA_BEGIN

constexpr int max_panel_vectors = vector_registers == 32 ? 4 : 2;

// How n columns are cut into panels: as few as possible, as even as possible, at least one.
template <class T>
struct Panels {
  int64_t vectors, count;
  int64_t narrow, wider;  // vectors of most panels; how many panels have one more

  NTM_FAST_INLINE explicit Panels(int64_t columns)
      : vectors(columns > 0 ? (columns + Vector<T>::width - 1) / Vector<T>::width : 1),
        count((vectors + max_panel_vectors - 1) / max_panel_vectors),
        narrow(vectors / count),
        wider(vectors % count) {}

  NTM_FAST_INLINE int64_t columns() const { return vectors * Vector<T>::width; }  // with padding
  NTM_FAST_INLINE int64_t first(int64_t panel) const {
    return (panel * narrow + (panel < wider ? panel : wider)) * Vector<T>::width;
  }
  NTM_FAST_INLINE int64_t width(int64_t panel) const {
    return (narrow + (panel < wider)) * Vector<T>::width;
  }
};

// C [ROWS, width] (+)= A [ROWS, depth] B [depth, width]. A is read at row * row_stride + depth *
// depth_stride, where one stride is 1: that of rows if A_BY_COLUMN, else that of depth.
template <class T, int ROWS, int VECTORS, bool A_BY_COLUMN>
NTM_FAST_INLINE void gemm_block(const T* a, int64_t stride, const T* b, int64_t depth, T* c,
                                bool accumulate) {
  using V = typename Vector<T>::type;
  constexpr int width = VECTORS * Vector<T>::width;
  V sums[ROWS][VECTORS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; ++j) {
      sums[i][j] = accumulate ? load(c + i * width + j * Vector<T>::width) : V{};
    }
  }
  const T* rows[ROWS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) rows[i] = a + i * stride;
  for (int64_t k = 0; k < depth; ++k) {
    V right[VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; ++j) right[j] = load(b + k * width + j * Vector<T>::width);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i) {
      const T left = A_BY_COLUMN ? a[k * stride + i] : rows[i][k];
#pragma GCC unroll 4
      for (int j = 0; j < VECTORS; ++j) sums[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; ++j) store(c + i * width + j * Vector<T>::width, sums[i][j]);
  }
}

template <class T, int VECTORS, bool A_BY_COLUMN>
NTM_FAST_INLINE void gemm_rows(const T* a, int64_t stride, const T* b, int64_t depth, int64_t rows,
                               T* c, bool accumulate) {
  constexpr int block = VECTORS == 1   ? 8
                        : VECTORS == 3 ? 8
                        : VECTORS == 2 ? (max_panel_vectors == 4 ? 8 : 6)
                                       : 6;
  constexpr int width = VECTORS * Vector<T>::width;
  const int64_t a_step = A_BY_COLUMN ? 1 : stride;
  int64_t i = 0;
  for (; i + block <= rows; i += block) {
    gemm_block<T, block, VECTORS, A_BY_COLUMN>(a + i * a_step, stride, b, depth, c + i * width,
                                               accumulate);
  }
  for (; i + 2 <= rows; i += 2) {
    gemm_block<T, 2, VECTORS, A_BY_COLUMN>(a + i * a_step, stride, b, depth, c + i * width,
                                           accumulate);
  }
  for (; i < rows; ++i) {
    gemm_block<T, 1, VECTORS, A_BY_COLUMN>(a + i * a_step, stride, b, depth, c + i * width,
                                           accumulate);
  }
}

// The same for a width known only at run time.
template <class T, bool A_BY_COLUMN>
void panel_gemm(const T* a, int64_t stride, const T* b, int64_t depth, int64_t rows, T* c,
                int64_t width, bool accumulate) {
  switch (width / Vector<T>::width) {
    case 1: return gemm_rows<T, 1, A_BY_COLUMN>(a, stride, b, depth, rows, c, accumulate);
    case 2: return gemm_rows<T, 2, A_BY_COLUMN>(a, stride, b, depth, rows, c, accumulate);
#if defined(__AVX512F__)
    case 3: return gemm_rows<T, 3, A_BY_COLUMN>(a, stride, b, depth, rows, c, accumulate);
    case 4: return gemm_rows<T, 4, A_BY_COLUMN>(a, stride, b, depth, rows, c, accumulate);
#endif
  }
}

NTM_FAST_ISA_END
