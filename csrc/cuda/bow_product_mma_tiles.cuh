#pragma once
// The pass on the tensor cores: how large its tiles are, and what comes with a tile of columns.

#include "bow_product.cuh"
#include "bow_product_mma.cuh"

namespace ntm_fast {
namespace bow_product {

constexpr float ln_2 = 0.69314718f;
constexpr float lowest = -3.4e38f;  // finite, so that logits of -inf give no NaN

// K is the padded number of topics. Chosen so that the sums fit the registers and the tiles the
// 99 KiB of shared memory that the smallest of these GPUs have.
template <int K, int PIECES>
struct Shape {
  static constexpr int row_tiles = K == 256 ? 1 : 2;  // of 16 rows, in each warp
  static constexpr int warps = K == 256 && PIECES == 1 ? 8 : 4;
  static constexpr int threads = 32 * warps, rows = 16 * row_tiles * warps;
  static constexpr int columns = (K == 256 ? 32 : 64) / PIECES;
  static constexpr int row_elements = PIECES * rows * K, stage_elements = PIECES * columns * K;
  static constexpr int bytes = 2 * (row_elements + 2 * stage_elements) + 2 * 3 * columns * 4;
};

// The column vectors of a tile, by threads 0 ... COLUMNS - 1: read early, stored when the tile's
// turn is near. Forward: offset. Backward: max, log of the total, scale.
template <bool FORWARD, int COLUMNS>
struct ColumnVectors {
  float values[FORWARD ? 1 : 3];

  __device__ __forceinline__ void read(const Pass<float>& pass, int64_t first) {
    const int64_t c = first + threadIdx.x;
    if (threadIdx.x >= COLUMNS) return;
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
  __device__ __forceinline__ void store(float* to) const {
    if (threadIdx.x >= COLUMNS) return;
#pragma unroll
    for (int i = 0; i < (FORWARD ? 1 : 3); ++i) to[i * COLUMNS + threadIdx.x] = values[i];
  }
};

}  // namespace bow_product
}  // namespace ntm_fast
