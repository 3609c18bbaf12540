#pragma once
// Small matrix products C (+)= A B in which the columns of B and C are cut into panels of one or
// two vector registers. The accumulators of a block of rows stay in registers over the whole depth;
// each step broadcasts a number of A per row against a row of the panel of B.

#include "cpu/simd/vector_rows.h"

NTM_FAST_ISA_BEGIN

constexpr int max_panel_vectors = 2;

// How n columns are cut into panels: all of two vectors but the last.
template <class T>
struct Panels {
  static constexpr int64_t most = max_panel_vectors * Vector<T>::width;
  int64_t vectors, count;

  NTM_FAST_INLINE explicit Panels(int64_t columns)
      : vectors(columns > 0 ? (columns + Vector<T>::width - 1) / Vector<T>::width : 1),
        count((vectors + max_panel_vectors - 1) / max_panel_vectors) {}

  NTM_FAST_INLINE int64_t columns() const { return vectors * Vector<T>::width; }  // with padding
  NTM_FAST_INLINE int64_t width(int64_t panel) const {
    return columns() - panel * most < most ? columns() - panel * most : most;
  }
};

// One panel of C. A is read at row * row_stride + depth * depth_stride, where one stride is 1 and
// the other a_stride: that of the rows unless A_BY_COLUMN. The last register of each row of C has
// last_lanes lanes, 0 for all; those of B are read in full.
template <class T>
struct PanelGemm {
  const T* a;
  int64_t a_stride;
  const T* b;
  int64_t b_stride, depth;
  T* c;
  int64_t c_stride, last_lanes;
  bool accumulate;
};

template <class T, int ROWS, int VECTORS, bool A_BY_COLUMN>
__attribute__((noinline)) void gemm_block(const PanelGemm<T>& g, int64_t first_row) {
  using V = typename Vector<T>::type;
  constexpr int width = Vector<T>::width;
  T* c = g.c + first_row * g.c_stride;
  const T* b = g.b;
  V sums[ROWS][VECTORS] = {};
  // Three rows to a pointer: that many addresses fit in the scalar registers.
  const T* a[(ROWS + 2) / 3];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; i += 3) {
    a[i / 3] = g.a + (first_row + i) * (A_BY_COLUMN ? 1 : g.a_stride);
  }
  const int64_t a_step = A_BY_COLUMN ? g.a_stride : 1, a_row = A_BY_COLUMN ? 1 : g.a_stride;
  for (int64_t k = 0; k < g.depth; ++k) {
    V right[VECTORS];
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) right[j] = load(b + j * width);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i) {
      const T left = a[i / 3][(i % 3) * a_row];
#pragma GCC unroll 2
      for (int j = 0; j < VECTORS; ++j) sums[i][j] += left * right[j];
    }
#pragma GCC unroll 4
    for (int i = 0; i < (ROWS + 2) / 3; ++i) a[i] += a_step;
    b += g.b_stride;
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i, c += g.c_stride) {
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) {
      T* to = c + j * width;
      if (j == VECTORS - 1 && g.last_lanes > 0) {
        if (g.accumulate) sums[i][j] += load_part(to, g.last_lanes);
        store_part(to, sums[i][j], g.last_lanes);
      } else {
        if (g.accumulate) sums[i][j] += load(to);
        store(to, sums[i][j]);
      }
    }
  }
}

// All rows of a panel, in blocks of nearly equal size.
template <class T, int VECTORS, bool A_BY_COLUMN>
NTM_FAST_INLINE void gemm_rows(const PanelGemm<T>& g, int64_t rows) {
  constexpr int64_t most = VECTORS == 2 && vector_registers == 16 ? 6 : 12;
  const int64_t blocks = (rows + most - 1) / most;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first = rows * i / blocks;
    switch (rows * (i + 1) / blocks - first) {
      case 1: gemm_block<T, 1, VECTORS, A_BY_COLUMN>(g, first); break;
      case 2: gemm_block<T, 2, VECTORS, A_BY_COLUMN>(g, first); break;
      case 3: gemm_block<T, 3, VECTORS, A_BY_COLUMN>(g, first); break;
      case 4: gemm_block<T, 4, VECTORS, A_BY_COLUMN>(g, first); break;
      case 5: gemm_block<T, 5, VECTORS, A_BY_COLUMN>(g, first); break;
      case 6: gemm_block<T, 6, VECTORS, A_BY_COLUMN>(g, first); break;
    }
    if constexpr (most == 12) {
      switch (rows * (i + 1) / blocks - first) {
        case 7: gemm_block<T, 7, VECTORS, A_BY_COLUMN>(g, first); break;
        case 8: gemm_block<T, 8, VECTORS, A_BY_COLUMN>(g, first); break;
        case 9: gemm_block<T, 9, VECTORS, A_BY_COLUMN>(g, first); break;
        case 10: gemm_block<T, 10, VECTORS, A_BY_COLUMN>(g, first); break;
        case 11: gemm_block<T, 11, VECTORS, A_BY_COLUMN>(g, first); break;
        case 12: gemm_block<T, 12, VECTORS, A_BY_COLUMN>(g, first); break;
      }
    }
  }
}

template <class T, bool A_BY_COLUMN>
void panel_gemm(const PanelGemm<T>& g, int64_t rows, int64_t width) {
  if (width > Vector<T>::width) gemm_rows<T, 2, A_BY_COLUMN>(g, rows);
  else gemm_rows<T, 1, A_BY_COLUMN>(g, rows);
}

NTM_FAST_ISA_END
