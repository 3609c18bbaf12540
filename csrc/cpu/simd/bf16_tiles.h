#pragma once
// The tile registers of AMX: blocks of matrix products of bfloat16 pairs. The compiler does not
// track these registers, nor the memory that the intrinsics read, hence the barriers.

#include "cpu/simd/bf16_pairs.h"

NTM_FAST_ISA_BEGIN

constexpr int64_t tile_rows = 16, tile_columns = 16;  // columns of pairs, or of floats

NTM_FAST_INLINE void memory_barrier() { asm volatile("" ::: "memory"); }

struct TileShapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
alignas(64) constexpr TileShapes tile_shapes = {
    1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

// While one lives, this thread has eight tiles of 16 rows of 64 bytes.
struct TilesInUse {
  TilesInUse() { asm volatile("ldtilecfg %0" ::"m"(tile_shapes)); }
  ~TilesInUse() { asm volatile("tilerelease"); }
  TilesInUse(const TilesInUse&) = delete;
};

// Sums are in tiles 0 to 3 (row 0: 0 and 1, row 1: 2 and 3), rows of A in 4 and 5, columns of B in
// 6 and 7.
template <int ROWS, int COLUMNS>
NTM_FAST_INLINE void multiply_tiles() {
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (COLUMNS == 2) _tile_dpbf16ps(1, 4, 7);
  if constexpr (ROWS == 2) _tile_dpbf16ps(2, 5, 6);
  if constexpr (ROWS == 2 && COLUMNS == 2) _tile_dpbf16ps(3, 5, 7);
}

template <int ROWS>
NTM_FAST_INLINE void load_left(const Pair* a, int64_t stride) {
  _tile_loadd(4, a, stride * 4);
  if constexpr (ROWS == 2) _tile_loadd(5, a + tile_rows * stride, stride * 4);
}

template <int COLUMNS>
NTM_FAST_INLINE void load_right(const Pair* b, int64_t stride) {
  _tile_loadd(6, b, stride * 4);
  if constexpr (COLUMNS == 2) _tile_loadd(7, b + tile_columns, stride * 4);
}

// C [16 ROWS, 16 COLUMNS] (+)= A [16 ROWS, depth] B [depth, 16 COLUMNS]; depth is a multiple of 16.
template <int ROWS, int COLUMNS, int PARTS>
NTM_FAST_INLINE void tile_block(Pairs a, Pairs b, int64_t depth, float* c, int64_t c_stride,
                                bool accumulate) {
  const int64_t bytes = c_stride * 4;
  float* const second = c + tile_rows * c_stride;
  if (accumulate) {
    _tile_loadd(0, c, bytes);
    if constexpr (COLUMNS == 2) _tile_loadd(1, c + tile_columns, bytes);
    if constexpr (ROWS == 2) _tile_loadd(2, second, bytes);
    if constexpr (ROWS == 2 && COLUMNS == 2) _tile_loadd(3, second + tile_columns, bytes);
  } else {
    _tile_zero(0);
    if constexpr (COLUMNS == 2) _tile_zero(1);
    if constexpr (ROWS == 2) _tile_zero(2);
    if constexpr (ROWS == 2 && COLUMNS == 2) _tile_zero(3);
  }
  for (int64_t k = 0; k < depth; k += pair_lanes) {
    const Pair *left = a.data + k, *right = b.data + k * b.stride;
    load_left<ROWS>(left, a.stride);
    load_right<COLUMNS>(right, b.stride);
    multiply_tiles<ROWS, COLUMNS>();
    if constexpr (PARTS == 2) {
      load_right<COLUMNS>(right + b.part, b.stride);
      multiply_tiles<ROWS, COLUMNS>();
      load_left<ROWS>(left + a.part, a.stride);
      load_right<COLUMNS>(right, b.stride);
      multiply_tiles<ROWS, COLUMNS>();
    }
  }
  _tile_stored(0, c, bytes);
  if constexpr (COLUMNS == 2) _tile_stored(1, c + tile_columns, bytes);
  if constexpr (ROWS == 2) _tile_stored(2, second, bytes);
  if constexpr (ROWS == 2 && COLUMNS == 2) _tile_stored(3, second + tile_columns, bytes);
}

NTM_FAST_ISA_END
