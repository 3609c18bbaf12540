#pragma once
// What a warp keeps of its rows during a pass on the tensor cores, and what it makes of tiles of
// their logits. Whoever multiplies, mma.sync or wgmma, has the same fragments: of 16 rows a lane
// 4 g + m has rows g and g + 8, and of every 8 columns (of a tile, or topics of the sums) 2 m and
// 2 m + 1. Everything is in units of log 2.

#include "bow_product.cuh"
#include "bow_product_mma.cuh"

namespace ntm_fast {
namespace bow_product {

constexpr float ln_2 = 0.69314718f;
constexpr float lowest = -0x1.fffffep127f;  // finite, so that logits of -inf give no NaN

// What comes with column c of a tile. Forward: offset. Backward: max, log of the total, scale.
template <bool FORWARD>
struct ColumnVector {
  float values[FORWARD ? 1 : 3];

  __device__ __forceinline__ void read(const Pass<float>& pass, int64_t c) {
    const bool inside = c < pass.n_columns;
    if (FORWARD) {
      values[0] = inside ? pass.word_offset[c] * log2_e : -INFINITY;
    } else {
      const float scale = inside ? pass.column_scale[c] : 0.f;
      values[0] = inside ? pass.column_max[c] * log2_e : 0.f;
      // exp2(z - inf) = 0 where there is nothing to add
      values[1] = scale != 0 ? pass.column_log_total[c] * log2_e : INFINITY;
      values[2] = scale;
    }
  }
  // Into the vectors [3, columns] of a tile.
  __device__ __forceinline__ void store(float* vectors, int columns, int column) const {
#pragma unroll
    for (int i = 0; i < (FORWARD ? 1 : 3); ++i) vectors[i * columns + column] = values[i];
  }
};

template <int K, int ROW_TILES, int COLUMNS, bool FORWARD, bool SUMS>
struct PassRows {
  static constexpr int column_tiles = COLUMNS / 8, sum_tiles = SUMS ? K / 8 : 0;
  using Logits = float[ROW_TILES][column_tiles][4];

  int64_t first;  // the lane's rows are first + 16 i + 8 r
  float maxima[ROW_TILES][2], totals[ROW_TILES][2], offsets[ROW_TILES][2];
  float sums[ROW_TILES][SUMS ? K / 8 : 1][4];

  __device__ __forceinline__ PassRows(const Pass<float>& pass, int64_t first_of_warp)
      : first(first_of_warp + threadIdx.x % 32 / 4) {
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int64_t row = first + 16 * i + 8 * r;
        maxima[i][r] = lowest;
        totals[i][r] = 0;
        offsets[i][r] = !FORWARD && row < pass.n_rows ? pass.word_offset[row] * log2_e : 0.f;
      }
#pragma unroll
      for (int j = 0; j < sum_tiles; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
      }
    }
  }

  // What the products are added to.
  __device__ __forceinline__ void begin(const float* vectors, Logits& z) const {
#pragma unroll
    for (int j = 0; j < column_tiles; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float column = vectors[8 * j + threadIdx.x % 4 * 2 + e % 2];
#pragma unroll
        for (int i = 0; i < ROW_TILES; ++i) {
          z[i][j][e] = FORWARD ? column : offsets[i][e / 2] - column;
        }
      }
    }
  }

  // The maximum is raised, and what was summed is scaled, only when sums might grow too large.
  __device__ __forceinline__ void raise_maxima(const Logits& z) {
    float tile_maxima[ROW_TILES][2];
    bool raise = false;
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float max = maxima[i][r];
#pragma unroll
        for (int j = 0; j < column_tiles; ++j) {
          max = fmaxf(max, fmaxf(z[i][j][2 * r], z[i][j][2 * r + 1]));
        }
        max = fmaxf(max, __shfl_xor_sync(all_lanes, max, 1));
        max = fmaxf(max, __shfl_xor_sync(all_lanes, max, 2));
        tile_maxima[i][r] = max;
        raise |= max > maxima[i][r] + 8;
      }
    }
    if (!__any_sync(all_lanes, raise)) return;
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float factor = cuda::fast_exp2(maxima[i][r] - tile_maxima[i][r]);
        maxima[i][r] = tile_maxima[i][r];
        totals[i][r] *= factor;
#pragma unroll
        for (int j = 0; j < sum_tiles; ++j) {
          sums[i][j][2 * r] *= factor;
          sums[i][j][2 * r + 1] *= factor;
        }
      }
    }
  }

  // The logits become p; totals grow.
  __device__ __forceinline__ void exponentials(const float* vectors, Logits& z) {
    if (FORWARD) raise_maxima(z);
#pragma unroll
    for (int j = 0; j < column_tiles; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int column = 8 * j + threadIdx.x % 4 * 2 + e % 2;
        const float log_total = FORWARD ? 0.f : vectors[COLUMNS + column];
        const float scale = FORWARD ? 1.f : vectors[2 * COLUMNS + column];
#pragma unroll
        for (int i = 0; i < ROW_TILES; ++i) {
          const float power = z[i][j][e] - (FORWARD ? maxima[i][e / 2] : log_total);
          z[i][j][e] = FORWARD ? cuda::fast_exp2(power) : scale * cuda::fast_exp2(power);
          totals[i][e / 2] += z[i][j][e];
        }
      }
    }
  }

  __device__ __forceinline__ void store(const Pass<float>& pass, int64_t part) const {
    const int m = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int64_t row = first + 16 * i + 8 * r, at = part * pass.n_rows + row;
        float total = totals[i][r];
        total += __shfl_xor_sync(all_lanes, total, 1);
        total += __shfl_xor_sync(all_lanes, total, 2);
        if (row >= pass.n_rows) continue;
        if (m == 0) {
          if (FORWARD) pass.maxima[at] = maxima[i][r] * ln_2;
          pass.totals[at] = total;
        }
#pragma unroll
        for (int j = 0; j < sum_tiles; ++j) {
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const int topic = 8 * j + 2 * m + e;
            // Packed hidden, the backward's columns, are in units of log 2.
            const float sum = sums[i][j][2 * r + e] * (FORWARD ? 1 : ln_2);
            if (topic < pass.topics) pass.sums[at * pass.topics + topic] = sum;
          }
        }
      }
    }
  }
};

// Tiles of columns that a part of a pass goes through.
struct TileRange {
  int64_t first, last;

  __device__ __forceinline__ TileRange(const Pass<float>& pass, int64_t part, int columns) {
    const int64_t tiles = (pass.n_columns + columns - 1) / columns;
    first = part * tiles / pass.parts;
    last = (part + 1) * tiles / pass.parts;
  }
};

}  // namespace bow_product
}  // namespace ntm_fast
