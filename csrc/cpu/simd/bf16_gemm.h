#pragma once
// Matrix products C (+)= A B of bfloat16 pairs (bf16_pairs.h), accumulated in float32. With two
// parts: high high + high low + low high; the omitted low low is of the order 2^-16.

#include "cpu/simd/bf16_pairs.h"
#include "cpu/simd/vector_rows.h"
#if defined(__AMX_BF16__)
#include "cpu/simd/bf16_tiles.h"
#endif

NTM_FAST_ISA_BEGIN

// A [rows, depth], B [depth, columns], C [rows, columns]. Up to the next multiple of its unit,
// depth is padded with zeros in both, and rows of A are there to be read; columns of B are, up to
// the next multiple of 16.
struct Bf16Gemm {
  Pairs a, b;
  int64_t depth;
  float* c;
  int64_t c_stride;
  bool accumulate;

  NTM_FAST_INLINE Bf16Gemm at(int64_t row, int64_t column) const {
    return {{a.data + row * a.stride, a.stride, a.part},
            {b.data + column, b.stride, b.part},
            depth,
            c + row * c_stride + column,
            c_stride,
            accumulate};
  }
};

// Row i of C from the lanes of sum; of the last register only n lanes.
NTM_FAST_INLINE void put_lanes(const Bf16Gemm& g, float* to, FloatLanes sum, int64_t n) {
  if (n >= float_lanes) {
    store(to, g.accumulate ? sum + load(to) : sum);
  } else {
    store_part(to, g.accumulate ? sum + load_part(to, n) : sum, n);
  }
}

#if defined(__AMX_BF16__)

constexpr int64_t bf16_row_unit = tile_rows, bf16_depth_unit = pair_lanes;

// A block of which only some rows and columns are in C.
template <int ROWS, int COLUMNS, int PARTS>
NTM_FAST_INLINE void edge_block(const Bf16Gemm& g, int64_t rows, int64_t columns) {
  constexpr int64_t width = COLUMNS * tile_columns;
  alignas(64) float whole[ROWS * tile_rows * width];
  tile_block<ROWS, COLUMNS, PARTS>(g.a, g.b, g.depth, whole, width, false);
  memory_barrier();
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; j += float_lanes) {
      put_lanes(g, g.c + i * g.c_stride + j, load(whole + i * width + j), columns - j);
    }
  }
}

template <int PARTS>
void bf16_gemm(const Bf16Gemm& g, int64_t rows, int64_t columns) {
  memory_barrier();
  for (int64_t i = 0; i < rows; i += 2 * tile_rows) {
    for (int64_t j = 0; j < columns; j += 2 * tile_columns) {
      const Bf16Gemm block = g.at(i, j);
      const int64_t m = rows - i < 2 * tile_rows ? rows - i : 2 * tile_rows;
      const int64_t n = columns - j < 2 * tile_columns ? columns - j : 2 * tile_columns;
      if (m == 2 * tile_rows && n == 2 * tile_columns) {
        tile_block<2, 2, PARTS>(block.a, block.b, g.depth, block.c, g.c_stride, g.accumulate);
      } else if (m > tile_rows) {
        if (n > tile_columns) edge_block<2, 2, PARTS>(block, m, n);
        else edge_block<2, 1, PARTS>(block, m, n);
      } else {
        if (n > tile_columns) edge_block<1, 2, PARTS>(block, m, n);
        else edge_block<1, 1, PARTS>(block, m, n);
      }
    }
  }
  memory_barrier();
}

#else

constexpr int64_t bf16_row_unit = 1, bf16_depth_unit = 1;
struct TilesInUse {
  TilesInUse() {}  // nothing to set up, unlike for tiles
};

// The parts of A and B that are multiplied, one product after the other.
template <int PARTS>
constexpr int part_products = PARTS == 1 ? 1 : 3;
constexpr int left_part[3] = {0, 0, 1}, right_part[3] = {0, 1, 0};

template <int ROWS, int VECTORS, int PARTS>
__attribute__((noinline)) void bf16_block(const Bf16Gemm& g, int64_t last_lanes) {
  __m512 sums[ROWS][VECTORS] = {};
  for (int p = 0; p < part_products<PARTS>; ++p) {
    // Three rows to a pointer: that many addresses fit in the scalar registers.
    const Pair* left[(ROWS + 2) / 3];
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i += 3) {
      left[i / 3] = g.a.data + left_part[p] * g.a.part + i * g.a.stride;
    }
    const Pair* right = g.b.data + right_part[p] * g.b.part;
    for (int64_t k = 0; k < g.depth; ++k) {
      __m512bh columns[VECTORS];
#pragma GCC unroll 2
      for (int j = 0; j < VECTORS; ++j) columns[j] = load<__m512bh>(right + j * pair_lanes);
#pragma GCC unroll 16
      for (int i = 0; i < ROWS; ++i) {
        const auto pair = (__m512bh)_mm512_set1_epi32(int(left[i / 3][(i % 3) * g.a.stride + k]));
#pragma GCC unroll 2
        for (int j = 0; j < VECTORS; ++j) {
          sums[i][j] = _mm512_dpbf16_ps(sums[i][j], pair, columns[j]);
        }
      }
      right += g.b.stride;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) {
      put_lanes(g, g.c + i * g.c_stride + j * float_lanes, (FloatLanes)sums[i][j],
                j == VECTORS - 1 ? last_lanes : float_lanes);
    }
  }
}

// All rows of one or two registers of columns, in blocks of nearly equal size.
template <int VECTORS, int PARTS>
void bf16_rows(const Bf16Gemm& g, int64_t rows, int64_t last_lanes) {
  constexpr int64_t most = 12;
  const int64_t blocks = (rows + most - 1) / most;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first = rows * i / blocks;
    const Bf16Gemm block = g.at(first, 0);
    switch (rows * (i + 1) / blocks - first) {
      case 1: bf16_block<1, VECTORS, PARTS>(block, last_lanes); break;
      case 2: bf16_block<2, VECTORS, PARTS>(block, last_lanes); break;
      case 3: bf16_block<3, VECTORS, PARTS>(block, last_lanes); break;
      case 4: bf16_block<4, VECTORS, PARTS>(block, last_lanes); break;
      case 5: bf16_block<5, VECTORS, PARTS>(block, last_lanes); break;
      case 6: bf16_block<6, VECTORS, PARTS>(block, last_lanes); break;
      case 7: bf16_block<7, VECTORS, PARTS>(block, last_lanes); break;
      case 8: bf16_block<8, VECTORS, PARTS>(block, last_lanes); break;
      case 9: bf16_block<9, VECTORS, PARTS>(block, last_lanes); break;
      case 10: bf16_block<10, VECTORS, PARTS>(block, last_lanes); break;
      case 11: bf16_block<11, VECTORS, PARTS>(block, last_lanes); break;
      case 12: bf16_block<12, VECTORS, PARTS>(block, last_lanes); break;
    }
  }
}

template <int PARTS>
void bf16_gemm(const Bf16Gemm& g, int64_t rows, int64_t columns) {
  for (int64_t j = 0; j < columns; j += 2 * float_lanes) {
    const Bf16Gemm panel = g.at(0, j);
    const int64_t left = columns - j;
    if (left > float_lanes) bf16_rows<2, PARTS>(panel, rows, left - float_lanes);
    else bf16_rows<1, PARTS>(panel, rows, left);
  }
}

#endif

NTM_FAST_ISA_END
