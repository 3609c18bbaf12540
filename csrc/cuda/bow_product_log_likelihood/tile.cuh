#pragma once
// Tiles of 64 x 64 sums of products on the CUDA cores, for every type: 128 threads, each of which
// holds 8 rows and 4 columns. The true float32 and float64 path of bow_product_log_likelihood.

#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

constexpr int tile = 64, tile_threads = 128, thread_rows = 8, thread_columns = 4;
constexpr int tile_lanes = tile / thread_columns;  // neighbouring threads that share rows

template <class T>
struct Tile {
  static constexpr int depth = 64 / int(sizeof(T));         // summands staged at a time
  static constexpr int pitch = tile + 16 / int(sizeof(T));  // of a row in shared memory
  static constexpr int stage = 2 * depth * pitch;           // elements, of multiply_rows
};

__device__ __forceinline__ int tile_row() { return threadIdx.x / tile_lanes * thread_rows; }
__device__ __forceinline__ int tile_column() { return threadIdx.x % tile_lanes * thread_columns; }

// to[k, r] = from[first + r, first_k + k], zeros outside of [rows, columns]
template <class T>
__device__ __forceinline__ void stage_transposed(const T* from, int64_t rows, int64_t columns,
                                                 int64_t first, int64_t first_k, T* to) {
  constexpr int depth = Tile<T>::depth;
  for (int i = threadIdx.x; i < tile * depth; i += tile_threads) {
    const int r = i / depth, k = i % depth;
    const bool inside = first + r < rows && first_k + k < columns;
    to[k * Tile<T>::pitch + r] = inside ? from[(first + r) * columns + first_k + k] : T(0);
  }
}

// to[r, k] = from[first + r, first_k + k] * scale[first + r], zeros outside; WIDTH columns
template <int WIDTH, class T>
__device__ __forceinline__ void stage(const T* from, const T* scale, int64_t rows, int64_t columns,
                                      int64_t first, int64_t first_k, int pitch, T* to) {
  for (int i = threadIdx.x; i < Tile<T>::depth * WIDTH; i += tile_threads) {
    const int r = i / WIDTH, k = i % WIDTH;
    const bool inside = first + r < rows && first_k + k < columns;
    const T value = inside ? from[(first + r) * columns + first_k + k] : T(0);
    to[r * pitch + k] = inside && scale ? value * scale[first + r] : value;
  }
}

// sums[i, j] += a[k, row i] b[k, column j] over the staged k; 4 columns a group, 64 apart
template <int COLUMNS, class T>
__device__ __forceinline__ void multiply_staged(const T* a, const T* b, int b_pitch,
                                                T (&sums)[thread_rows][COLUMNS]) {
#pragma unroll
  for (int k = 0; k < Tile<T>::depth; ++k) {
    T left[thread_rows], right[COLUMNS];
#pragma unroll
    for (int i = 0; i < thread_rows; ++i) left[i] = a[k * Tile<T>::pitch + tile_row() + i];
#pragma unroll
    for (int j = 0; j < COLUMNS; ++j) {
      right[j] = b[k * b_pitch + j / thread_columns * tile + tile_column() + j % thread_columns];
    }
#pragma unroll
    for (int i = 0; i < thread_rows; ++i) {
#pragma unroll
      for (int j = 0; j < COLUMNS; ++j) sums[i][j] += left[i] * right[j];
    }
  }
}

// sums[i, j] += Σ_k rows[first_row + i, k] columns[first_column + j, k]; ends with a barrier
template <class T>
__device__ __forceinline__ void multiply_rows(const T* rows, int64_t n_rows, int64_t first_row,
                                              const T* columns, int64_t n_columns,
                                              int64_t first_column, int64_t topics, T* stage_memory,
                                              T (&sums)[thread_rows][thread_columns]) {
  T *a = stage_memory, *b = stage_memory + Tile<T>::depth * Tile<T>::pitch;
  for (int64_t k = 0; k < topics; k += Tile<T>::depth) {
    stage_transposed(rows, n_rows, topics, first_row, k, a);
    stage_transposed(columns, n_columns, topics, first_column, k, b);
    __syncthreads();
    multiply_staged(a, b, Tile<T>::pitch, sums);
    __syncthreads();
  }
}

// Sum over the threads that share rows, the same in all of them.
template <class T>
__device__ __forceinline__ T sum_tile_lanes(T value) {
#pragma unroll
  for (int other = tile_lanes / 2; other > 0; other /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, other);
  }
  return value;
}

}  // namespace bow_product
}  // namespace ntm_fast
