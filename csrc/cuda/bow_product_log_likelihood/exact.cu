// The products on the CUDA cores, in float32 or float64 without rounding the operands, for any
// number of topics: the pass over all logits, and the products with the K x K matrices of batch
// normalisation.

#include <type_traits>

#include "cuda/bow_product_log_likelihood/pieces.cuh"
#include "cuda/launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

// Tiles of 64 x 64 sums of products: 128 threads, each of which holds 8 rows and 4 columns.

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

// The pass. A block holds 64 rows and streams its part of the columns in tiles of 64, as attention
// does; more topics than fit a block's registers are cut into chunks, each with logits of its own.

template <class T>
__device__ __forceinline__ T lowest() {  // finite, so that logits of -inf give no NaN
  return sizeof(T) == 4 ? T(-0x1.fffffep127) : T(-0x1.fffffffffffffp1023);
}

// acc[i, j] += Σ_c weights[c, row i] columns[first_column + c, first_topic + column j]
template <int CHUNK, class T>
__device__ __forceinline__ void accumulate(const T* weights, const Pass<T>& pass,
                                           int64_t first_column, int64_t first_topic, T* memory,
                                           T (&acc)[thread_rows][CHUNK / tile_lanes]) {
  for (int c = 0; c < tile; c += Tile<T>::depth) {
    stage<CHUNK>(pass.columns, static_cast<const T*>(nullptr), pass.n_columns, pass.topics,
                 first_column + c, first_topic, CHUNK, memory);
    __syncthreads();
    multiply_staged(weights + c * Tile<T>::pitch, memory, CHUNK, acc);
    __syncthreads();
  }
}

// CHUNK topics of the sums; 0 for none
template <class T, bool FORWARD, int CHUNK>
__global__ void __launch_bounds__(tile_threads) pass_kernel(const Pass<T> pass) {
  constexpr int chunk = CHUNK ? CHUNK : tile, pitch = Tile<T>::pitch;
  T* const weights = dynamic_shared<T>();  // [tile columns, pitch of rows]
  T* const memory = weights + (CHUNK ? tile * pitch : 0);
  const int64_t first_row = int64_t(blockIdx.x) * tile, part = blockIdx.y;
  const int64_t first_topic = int64_t(blockIdx.z) * chunk;
  T acc[thread_rows][chunk / tile_lanes] = {};
  T maxima[thread_rows], totals[thread_rows] = {}, offsets[thread_rows] = {};
#pragma unroll
  for (int i = 0; i < thread_rows; ++i) {
    const int64_t row = first_row + tile_row() + i;
    maxima[i] = lowest<T>();
    if (!FORWARD && row < pass.n_rows) offsets[i] = pass.word_offset[row];
  }

  const int64_t tiles = (pass.n_columns + tile - 1) / tile;
  const int64_t last_tile = (part + 1) * tiles / pass.parts;
  for (int64_t t = part * tiles / pass.parts; t < last_tile; ++t) {
    T z[thread_rows][thread_columns] = {};
    multiply_rows(pass.rows, pass.n_rows, first_row, pass.columns, pass.n_columns, t * tile,
                  pass.topics, memory, z);
#pragma unroll
    for (int j = 0; j < thread_columns; ++j) {
      const int64_t column = t * tile + tile_column() + j;
      const bool inside = column < pass.n_columns;
      if (FORWARD) {
        const T offset = inside ? pass.word_offset[column] : T(-INFINITY);
#pragma unroll
        for (int i = 0; i < thread_rows; ++i) z[i][j] += offset;
      } else {
        const T max = inside ? pass.column_max[column] : T(0);
        const T log_total = inside ? pass.column_log_total[column] : T(0);
        const T scale = inside ? pass.column_scale[column] : T(0);
#pragma unroll
        for (int i = 0; i < thread_rows; ++i) {
          z[i][j] = scale == T(0) ? T(0) : scale * exp((z[i][j] + offsets[i] - max) - log_total);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < thread_rows; ++i) {
      if (FORWARD) {
        T max = maxima[i];
#pragma unroll
        for (int j = 0; j < thread_columns; ++j) max = z[i][j] > max ? z[i][j] : max;
#pragma unroll
        for (int other = tile_lanes / 2; other > 0; other /= 2) {
          const T theirs = __shfl_xor_sync(0xffffffffu, max, other);
          max = theirs > max ? theirs : max;
        }
        const T factor = exp(maxima[i] - max);
        maxima[i] = max;
        totals[i] *= factor;
#pragma unroll
        for (int j = 0; j < chunk / tile_lanes; ++j) acc[i][j] *= factor;
#pragma unroll
        for (int j = 0; j < thread_columns; ++j) z[i][j] = exp(z[i][j] - max);
      }
#pragma unroll
      for (int j = 0; j < thread_columns; ++j) totals[i] += z[i][j];
    }
    if (CHUNK) {
#pragma unroll
      for (int j = 0; j < thread_columns; ++j) {
#pragma unroll
        for (int i = 0; i < thread_rows; ++i) {
          weights[(tile_column() + j) * pitch + tile_row() + i] = z[i][j];
        }
      }
      // The barrier after staging stands between these writes and their readers.
      accumulate<chunk>(weights, pass, t * tile, first_topic, memory, acc);
    }
  }

#pragma unroll
  for (int i = 0; i < thread_rows; ++i) {
    const int64_t row = first_row + tile_row() + i, place = part * pass.n_rows + row;
    const T total = sum_tile_lanes(totals[i]);
    if (row >= pass.n_rows) continue;
    if (blockIdx.z == 0 && tile_column() == 0) {
      if (FORWARD) pass.maxima[place] = maxima[i];
      pass.totals[place] = total;
    }
#pragma unroll
    for (int j = 0; j < (CHUNK ? chunk / tile_lanes : 0); ++j) {
      const int64_t k =
          first_topic + j / thread_columns * tile + tile_column() + j % thread_columns;
      if (k < pass.topics) pass.sums[place * pass.topics + k] = acc[i][j];
    }
  }
}

template <class T, bool FORWARD, int CHUNK>
int launch_pass(const Pass<T>& pass, void* stream) {
  constexpr int chunk = CHUNK ? CHUNK : 1;
  const int depth_bytes = Tile<T>::depth * CHUNK, both = Tile<T>::stage;
  const int elements =
      (CHUNK ? tile * Tile<T>::pitch : 0) + (depth_bytes > both ? depth_bytes : both);
  const dim3 grid(unsigned(divide_up(pass.n_rows, tile)), unsigned(pass.parts),
                  CHUNK ? unsigned(divide_up(pass.topics, chunk)) : 1u);
  return launch(pass_kernel<T, FORWARD, CHUNK>, grid, tile_threads, elements * sizeof(T), stream,
                pass);
}

// The products with K x K matrices.

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

int64_t parts_of(int64_t rows, int64_t columns, int64_t topics, Operands operands) {
  // About the number of blocks that an H100 holds at a time; in the emulator few, so that a part of
  // its small inputs has several tiles.
  constexpr int64_t filled = emulated ? 2 : 264;
  // A block of the exact pass is a quarter as big.
  const bool exact = operands == Operands::exact;
  const int64_t blocks = exact ? 2 * filled : filled, block_rows = exact ? tile : 128;
  const int64_t tiles = divide_up(columns, tile);
  const int64_t others = divide_up(rows, block_rows) * (exact ? divide_up(topics, 128) : 1);
  const int64_t parts = others > 0 ? blocks / others : 1;
  return parts < 1 ? 1 : parts < tiles ? parts : tiles;
}

template <class T>
int run_pass(const Pass<T>& pass, void* stream) {
  if (!pass.sums) {
    return pass.forward ? launch_pass<T, true, 0>(pass, stream)
                        : launch_pass<T, false, 0>(pass, stream);
  }
  constexpr int wide = sizeof(T) == 4 ? 2 * tile : tile;
  if (pass.topics <= tile) {
    return pass.forward ? launch_pass<T, true, tile>(pass, stream)
                        : launch_pass<T, false, tile>(pass, stream);
  }
  return pass.forward ? launch_pass<T, true, wide>(pass, stream)
                      : launch_pass<T, false, wide>(pass, stream);
}

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
  template int run_pass(const Pass<T>&, void*);                                                   \
  template int gram(const T*, const T*, int64_t, int64_t, T, bool, T*, T*, void*);                \
  template int quadratic_forms(const T*, const T*, int64_t, int64_t, T*, void*);                  \
  template int subtract_products(const T*, const T*, const T*, T, const T*, int64_t, int64_t, T*, \
                                 void*);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace bow_product
}  // namespace ntm_fast
