// The pass over all logits on the CUDA cores: float32 and float64 exactly, any number of topics.
// A block holds 64 rows and streams its part of the columns in tiles of 64, as attention does; more
// topics than fit a block's registers are cut into chunks, each with logits of its own.

#include "bow_product.cuh"
#include "bow_product_tile.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

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

}  // namespace

int64_t parts_of(int64_t rows, int64_t columns, int64_t topics, Operands operands) {
#ifdef NTM_FAST_CUDA_EMULATED
  constexpr int64_t filled = 2;  // so that a part of little data has several tiles
#else
  constexpr int64_t filled = 264;  // about as many blocks as an H100 holds at a time
#endif
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

template int run_pass(const Pass<float>&, void*);
template int run_pass(const Pass<double>&, void*);

}  // namespace bow_product
}  // namespace ntm_fast
