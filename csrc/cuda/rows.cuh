#pragma once
// Kernels on rows [R, K]: a warp takes a row, its lanes the columns lane, lane + 32, ...
// Sums and maxima over a row are taken in the same order on every run.

#include <stdint.h>

#include "cuda/launch.cuh"

namespace ntm_fast {
namespace cuda {

constexpr int warp_size = 32, warps_per_block = 8, row_threads = warps_per_block * warp_size;

__device__ __forceinline__ int lane_index() { return int(threadIdx.x) % warp_size; }
__device__ __forceinline__ int64_t first_row() {
  return int64_t(blockIdx.x) * warps_per_block + threadIdx.x / warp_size;
}
__device__ __forceinline__ int64_t row_stride() { return int64_t(gridDim.x) * warps_per_block; }
inline unsigned row_blocks(int64_t rows) { return grid_of(divide_up(rows, warps_per_block)); }

template <class T>
__device__ __forceinline__ T warp_sum(T x) {
  for (int step = warp_size / 2; step > 0; step /= 2) x += __shfl_xor_sync(~0u, x, step);
  return x;
}
// NaN if any is NaN.
template <class T>
__device__ __forceinline__ T warp_max(T x) {
  for (int step = warp_size / 2; step > 0; step /= 2) {
    const T other = __shfl_xor_sync(~0u, x, step);
    x = other <= x || x != x ? x : other;
  }
  return x;
}

}  // namespace cuda
}  // namespace ntm_fast
