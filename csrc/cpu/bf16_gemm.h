#pragma once
// Matrix products C (+)= A B of bfloat16 pairs (bf16_pairs.h), accumulated in float32: A [rows,
// depth], B [depth, width], C [rows, width] with B and C in panels of width 16 to 64 columns. With
// two parts: high high + high low + low high, what is left out being of the order 2^-16.

#include "bf16_pairs.h"
#if defined(__AMX_BF16__)
#include "bf16_tiles.h"
#endif

NTM_FAST_ISA_BEGIN

#if defined(__AMX_BF16__)

// Rows of A and C, and depth, are multiples of these.
constexpr int64_t bf16_row_unit = tile_rows, bf16_depth_unit = pair_lanes;

template <int ROWS, int PARTS>
NTM_FAST_INLINE void tile_row(Pairs a, Pairs b, int64_t depth, float* c, int64_t width,
                              bool accumulate) {
  int64_t j = 0;
  const auto at = [&](int64_t column) { return Pairs{b.data + column, b.stride, b.part}; };
  for (; j + 2 * tile_columns <= width; j += 2 * tile_columns) {
    tile_block<ROWS, 2, PARTS>(a, at(j), depth, c + j, width, accumulate);
  }
  if (j < width) tile_block<ROWS, 1, PARTS>(a, at(j), depth, c + j, width, accumulate);
}

template <int PARTS>
void bf16_gemm(Pairs a, Pairs b, int64_t depth, int64_t rows, float* c, int64_t width,
               bool accumulate) {
  memory_barrier();
  int64_t i = 0;
  const auto at = [&](int64_t row) { return Pairs{a.data + row * a.stride, a.stride, a.part}; };
  for (; i + 2 * tile_rows <= rows; i += 2 * tile_rows) {
    tile_row<2, PARTS>(at(i), b, depth, c + i * width, width, accumulate);
  }
  if (i < rows) tile_row<1, PARTS>(at(i), b, depth, c + i * width, width, accumulate);
  memory_barrier();
}

#else

constexpr int64_t bf16_row_unit = 1, bf16_depth_unit = 1;

// Which parts of A and B are multiplied, in turn.
template <int PARTS>
constexpr int part_products = PARTS == 1 ? 1 : 3;
constexpr int left_part[3] = {0, 0, 1}, right_part[3] = {0, 1, 0};

template <int ROWS, int VECTORS, int PARTS>
NTM_FAST_INLINE void bf16_block(Pairs a, Pairs b, int64_t depth, float* c, bool accumulate) {
  constexpr int width = VECTORS * float_lanes;
  __m512 sums[ROWS][VECTORS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; ++j) {
      sums[i][j] = accumulate ? (__m512)load(c + i * width + j * float_lanes) : __m512{};
    }
  }
  for (int p = 0; p < part_products<PARTS>; ++p) {
    const Pair* left = a.data + left_part[p] * a.part;
    const Pair* right = b.data + right_part[p] * b.part;
    for (int64_t k = 0; k < depth; ++k) {
      __m512bh columns[VECTORS];
#pragma GCC unroll 4
      for (int j = 0; j < VECTORS; ++j) {
        columns[j] = load<__m512bh>(right + k * b.stride + j * pair_lanes);
      }
#pragma GCC unroll 16
      for (int i = 0; i < ROWS; ++i) {
        const __m512bh pair = (__m512bh)_mm512_set1_epi32(int(left[i * a.stride + k]));
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; ++j)
          sums[i][j] = _mm512_dpbf16_ps(sums[i][j], pair, columns[j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; ++j) store(c + i * width + j * float_lanes, sums[i][j]);
  }
}

template <int VECTORS, int PARTS>
void bf16_rows(Pairs a, Pairs b, int64_t depth, int64_t rows, float* c, bool accumulate) {
  constexpr int block = VECTORS == 4 ? 6 : VECTORS == 3 ? 8 : 12;
  constexpr int64_t width = VECTORS * float_lanes;
  int64_t i = 0;
  const auto at = [&](int64_t row) { return Pairs{a.data + row * a.stride, a.stride, a.part}; };
  for (; i + block <= rows; i += block) {
    bf16_block<block, VECTORS, PARTS>(at(i), b, depth, c + i * width, accumulate);
  }
  for (; i + 2 <= rows; i += 2) {
    bf16_block<2, VECTORS, PARTS>(at(i), b, depth, c + i * width, accumulate);
  }
  if (i < rows) bf16_block<1, VECTORS, PARTS>(at(i), b, depth, c + i * width, accumulate);
}

template <int PARTS>
void bf16_gemm(Pairs a, Pairs b, int64_t depth, int64_t rows, float* c, int64_t width,
               bool accumulate) {
  switch (width / float_lanes) {
    case 1: return bf16_rows<1, PARTS>(a, b, depth, rows, c, accumulate);
    case 2: return bf16_rows<2, PARTS>(a, b, depth, rows, c, accumulate);
    case 3: return bf16_rows<3, PARTS>(a, b, depth, rows, c, accumulate);
    case 4: return bf16_rows<4, PARTS>(a, b, depth, rows, c, accumulate);
  }
}

struct TilesInUse {};  // nothing to set up, unlike for tiles

#endif

NTM_FAST_ISA_END
