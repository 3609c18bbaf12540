// Products with the K x K matrices of batch normalisation, in tiles.

#include <type_traits>

#include "bow_product.cuh"
#include "bow_product_tile.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

// partial[blockIdx.z] = Σ_r weights_r x_r x_rᵀ over its share of rows; tiles below the diagonal are
// left to add_grams.
template <class T>
__global__ void __launch_bounds__(tile_threads)
    gram_kernel(const T* x, const T* weights, int64_t n, int64_t topics, T* partial) {
  if (blockIdx.y < blockIdx.x) return;
  constexpr int depth = Tile<T>::depth, pitch = Tile<T>::pitch;
  T *const a = dynamic_shared<T>(), *const b = a + depth * pitch;
  const int64_t first_i = int64_t(blockIdx.x) * tile, first_j = int64_t(blockIdx.y) * tile;
  const int64_t steps = (n + depth - 1) / depth;
  const int64_t last = (int64_t(blockIdx.z) + 1) * steps / gridDim.z;
  T sums[thread_rows][thread_columns] = {};
  for (int64_t step = int64_t(blockIdx.z) * steps / gridDim.z; step < last; ++step) {
    stage<tile>(x, weights, n, topics, step * depth, first_i, pitch, a);
    stage<tile>(x, static_cast<const T*>(nullptr), n, topics, step * depth, first_j, pitch, b);
    __syncthreads();
    multiply_staged(a, b, pitch, sums);
    __syncthreads();
  }
  partial += int64_t(blockIdx.z) * topics * topics;
#pragma unroll
  for (int i = 0; i < thread_rows; ++i) {
#pragma unroll
    for (int j = 0; j < thread_columns; ++j) {
      const int64_t row = first_i + tile_row() + i, column = first_j + tile_column() + j;
      if (row < topics && column < topics) partial[row * topics + column] = sums[i][j];
    }
  }
}

template <class T>
__global__ void __launch_bounds__(256)
    add_grams(const T* partial, int64_t parts, int64_t topics, T scale, T* out) {
  const int64_t i = int64_t(blockIdx.x) * 256 + threadIdx.x;
  if (i >= topics * topics) return;
  const int64_t row = i / topics, column = i % topics;
  // Within a tile of the diagonal both halves are there; take one, so that out is symmetric.
  const int64_t place = row < column ? row * topics + column : column * topics + row;
  double sum = 0;
#pragma unroll 16
  for (int64_t p = 0; p < parts; ++p) sum += double(partial[p * topics * topics + place]);
  out[i] = scale * T(sum);
}

template <class T>
__global__ void __launch_bounds__(tile_threads)
    quadratic_kernel(const T* x, const T* matrix, int64_t n, int64_t topics, T* variances) {
  T* const memory = dynamic_shared<T>();
  const int64_t first = int64_t(blockIdx.x) * tile;
  T totals[thread_rows] = {};
  for (int64_t k = 0; k < topics; k += tile) {
    T sums[thread_rows][thread_columns] = {};
    multiply_rows(x, n, first, matrix, topics, k, topics, memory, sums);
#pragma unroll
    for (int i = 0; i < thread_rows; ++i) {
      const int64_t row = first + tile_row() + i;
#pragma unroll
      for (int j = 0; j < thread_columns; ++j) {
        const int64_t column = k + tile_column() + j;
        if (row < n && column < topics) totals[i] += sums[i][j] * x[row * topics + column];
      }
    }
  }
#pragma unroll
  for (int i = 0; i < thread_rows; ++i) {
    const int64_t row = first + tile_row() + i;
    const T total = sum_tile_lanes(totals[i]);
    // Rounding may take a variance of almost 0 below it; NaN stays.
    if (row < n && tile_column() == 0) variances[row] = total < T(0) ? T(0) : total;
  }
}

template <class T>
__global__ void __launch_bounds__(tile_threads)
    subtract_kernel(const T* x, const T* matrix, const T* row_scale, T scale, const T* shift,
                    int64_t n, int64_t topics, T* out) {
  T* const memory = dynamic_shared<T>();
  const int64_t first = int64_t(blockIdx.x) * tile, first_k = int64_t(blockIdx.y) * tile;
  T sums[thread_rows][thread_columns] = {};
  multiply_rows(x, n, first, matrix, topics, first_k, topics, memory, sums);
#pragma unroll
  for (int i = 0; i < thread_rows; ++i) {
    const int64_t row = first + tile_row() + i;
    if (row >= n) continue;
    const T factor = row_scale ? row_scale[row] : scale;
#pragma unroll
    for (int j = 0; j < thread_columns; ++j) {
      const int64_t k = first_k + tile_column() + j;
      if (k < topics) out[row * topics + k] -= factor * sums[i][j] + (shift ? shift[k] : T(0));
    }
  }
}

template <class T>
constexpr size_t stage_bytes = Tile<T>::stage * sizeof(T);

}  // namespace

int64_t gram_parts(int64_t n, int64_t topics) {
  constexpr int64_t blocks = 512;
  const int64_t tiles = divide_up(topics, tile), steps = divide_up(n, 2 * tile);
  const int64_t parts = 2 * blocks / (tiles * (tiles + 1));
  return parts < 1 ? 1 : parts < steps ? parts : steps;
}

template <class T>
int gram(const T* x, const T* weights, int64_t n, int64_t topics, T scale, bool tensor_cores,
         T* partial, T* out, void* stream) {
  const int64_t parts = gram_parts(n, topics);
  const unsigned tiles = unsigned(divide_up(topics, tile));
  int error = 0;
  if constexpr (std::is_same_v<T, float>) {
    if (tensor_cores) error = gram_on_tensor_cores(x, weights, n, topics, parts, partial, stream);
  }
  if (!tensor_cores) {
    error = launch(gram_kernel<T>, dim3(tiles, tiles, unsigned(parts)), tile_threads,
                   stage_bytes<T>, stream, x, weights, n, topics, partial);
  }
  if (error) return error;
  const unsigned blocks = unsigned(divide_up(topics * topics, 256));
  return launch(add_grams<T>, blocks, 256, 0, stream, partial, parts, topics, scale, out);
}

template <class T>
int quadratic_forms(const T* x, const T* matrix, int64_t n, int64_t topics, T* variances,
                    void* stream) {
  return launch(quadratic_kernel<T>, unsigned(divide_up(n, tile)), tile_threads, stage_bytes<T>,
                stream, x, matrix, n, topics, variances);
}

template <class T>
int subtract_products(const T* x, const T* matrix, const T* row_scale, T scale, const T* shift,
                      int64_t n, int64_t topics, T* out, void* stream) {
  const dim3 grid(unsigned(divide_up(n, tile)), unsigned(divide_up(topics, tile)));
  return launch(subtract_kernel<T>, grid, tile_threads, stage_bytes<T>, stream, x, matrix,
                row_scale, scale, shift, n, topics, out);
}

#define INSTANTIATE(T)                                                                            \
  template int gram(const T*, const T*, int64_t, int64_t, T, bool, T*, T*, void*);                \
  template int quadratic_forms(const T*, const T*, int64_t, int64_t, T*, void*);                  \
  template int subtract_products(const T*, const T*, const T*, T, const T*, int64_t, int64_t, T*, \
                                 void*);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace bow_product
}  // namespace ntm_fast
