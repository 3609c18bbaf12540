// Packing for the tensor cores, and products there with the K x K matrices of batch normalisation.
// These products are always three of bfloat16, close to float32: variances are differences of large
// numbers.

#include "cuda/bow_product_log_likelihood/pieces.cuh"
#include "cuda/bow_product_log_likelihood/tensor_cores.cuh"
#include "cuda/bow_product_log_likelihood/word_affine.cuh"
#include "cuda/launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

constexpr int matrix_pieces = MatrixFormat::pieces;

// factor row_scale_r x_rk, 0 for r >= n or k >= topics. A warp takes 8 rows: lane 4 g + m has
// topics 2 m, 2 m + 1 of every 8 in row g.
template <class Format>
__global__ void __launch_bounds__(256)
    pack_kernel(const float* x, const float* row_scale, float factor, int64_t n, int64_t topics,
                int padded, void* packed) {
  const int64_t row = int64_t(blockIdx.x) * 64 + threadIdx.x / 4;
  const float scale = row < n && row_scale ? factor * row_scale[row] : factor;
  for (int k = threadIdx.x % 4 * 2; k < padded; k += 8) {
    const float low = row < n && k < topics ? scale * x[row * topics + k] : 0.f;
    const float high = row < n && k + 1 < topics ? scale * x[row * topics + k + 1] : 0.f;
    Format::store(low, high, n, row, k, padded, packed);
  }
}

// partial[blockIdx.z] = Σ_r weights_r x_r x_rᵀ over its share of rows, in tiles of 64 x 64; those
// below the diagonal are left out.
constexpr int gram_tile = 64, gram_depth = 32, gram_threads = 128;
constexpr int chunk = MatrixFormat::chunk;

__global__ void __launch_bounds__(gram_threads)
    gram_mma_kernel(const float* x, const float* weights, int64_t n, int topics, float* partial) {
  if (blockIdx.y < blockIdx.x) return;
  constexpr int pairs = gram_depth * gram_tile / 2 / gram_threads, plane = gram_depth * gram_tile;
  uint16_t* const left = dynamic_shared<uint16_t>();  // [matrix_pieces, depth, tile], times weights
  uint16_t* const right = left + matrix_pieces * plane;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, m = lane % 4;
  const int first_i = blockIdx.x * gram_tile, first_j = blockIdx.y * gram_tile;
  const int warp_i = warp / 2 * 32, warp_j = warp % 2 * 32;
  const uint32_t right_lane = rows_lane<MatrixFormat, gram_tile>(right);
  const auto at_chunk = [](uint16_t* matrix, int row, int k) {
    return place<MatrixFormat, gram_tile>(matrix, row, k / chunk);
  };
  const int64_t steps = (n + gram_depth - 1) / gram_depth;
  const int64_t last = (int64_t(blockIdx.z) + 1) * steps / gridDim.z;
  float sums[2][4][4] = {};
  for (int64_t step = int64_t(blockIdx.z) * steps / gridDim.z; step < last; ++step) {
    float values[2][pairs][2];
#pragma unroll
    for (int i = 0; i < pairs; ++i) {
      const int at = i * gram_threads + threadIdx.x, k = at % (gram_tile / 2) * 2;
      const int64_t row = step * gram_depth + at / (gram_tile / 2);
      const float weight = weights && row < n ? weights[row] : 1.f;
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int ki = first_i + k + e, kj = first_j + k + e;
        values[0][i][e] = row < n && ki < topics ? weight * x[row * topics + ki] : 0.f;
        values[1][i][e] = row < n && kj < topics ? x[row * topics + kj] : 0.f;
      }
    }
    __syncthreads();  // all warps are done with the last tiles
#pragma unroll
    for (int i = 0; i < pairs; ++i) {
      const int at = i * gram_threads + threadIdx.x, k = at % (gram_tile / 2) * 2;
      const int row = at / (gram_tile / 2);
#pragma unroll
      for (int side = 0; side < 2; ++side) {
        uint32_t both[matrix_pieces];
        split<matrix_pieces>(values[side][i][0], values[side][i][1], both);
#pragma unroll
        for (int p = 0; p < matrix_pieces; ++p) {
          uint16_t* const to = (side ? right : left) + p * plane;
          *reinterpret_cast<uint32_t*>(at_chunk(to, row, k) + k % chunk) = both[p];
        }
      }
    }
    __syncthreads();
#pragma unroll
    for (int v = 0; v < gram_depth; v += 16) {
      uint32_t a[2][matrix_pieces][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int p = 0; p < matrix_pieces; ++p) {
          const int row = v + lane / 16 * 8 + lane % 8, k = warp_i + 16 * i + lane / 8 % 2 * 8;
          cuda::ldmatrix_transposed(a[i][p], at_chunk(left + p * plane, row, k));
        }
      }
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        uint32_t b[2][matrix_pieces][2];
        load_rows<MatrixFormat, gram_tile, gram_depth>(right_lane, v, warp_j + 8 * j, b);
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          MatrixFormat::multiply(sums[i][j], a[i], b[0]);
          MatrixFormat::multiply(sums[i][j + 1], a[i], b[1]);
        }
      }
    }
  }
  partial += int64_t(blockIdx.z) * topics * topics;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int row = first_i + warp_i + 16 * i + e / 2 * 8 + g;
        const int column = first_j + warp_j + 8 * j + 2 * m + e % 2;
        if (row < topics && column < topics) partial[row * topics + column] = sums[i][j][e];
      }
    }
  }
}

// Rows of x in registers, 16 a warp; rows of the symmetric matrix come in by tiles.
constexpr int product_warps = 8, product_rows = 16 * product_warps, product_columns = 32;
static_assert(product_rows == 128, "the words are packed up to a multiple of 128");

// 16 rows of x and their products with all rows of a symmetric matrix; lane 4 g + m holds elements
// 2 m, 2 m + 1 of every 8 in rows g and g + 8.
template <int K>
struct RowProducts {
  const float* x;
  const uint16_t* matrix;  // packed, in matrix_pieces
  int64_t n, first;
  int topics;
  uint32_t a[K / 16][matrix_pieces][4];

  __device__ __forceinline__ float element(int r, int k) const {
    const int64_t row = first + 8 * r + threadIdx.x % 32 / 4;
    return row < n && k < topics ? x[row * topics + k] : 0.f;
  }
  // Element e of registers a[k][.][q], which hold rows g + 8 (q % 2).
  __device__ __forceinline__ static int column(int k, int q, int e) {
    return 16 * k + q / 2 * 8 + threadIdx.x % 4 * 2 + e;
  }
  __device__ __forceinline__ void load() {
#pragma unroll
    for (int k = 0; k < K / 16; ++k) {
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        uint32_t both[matrix_pieces];
        split(element(q % 2, column(k, q, 0)), element(q % 2, column(k, q, 1)), both);
#pragma unroll
        for (int p = 0; p < matrix_pieces; ++p) a[k][p][q] = both[p];
      }
    }
  }
  // Calls use(r, k, product) for the k-th element of the product of row g + 8 r.
  template <class F>
  __device__ __forceinline__ void multiply_all(uint16_t* stages, const F& use) {
    constexpr int column_tiles = product_columns / 8, stage = matrix_pieces * product_columns * K;
    constexpr int threads = 32 * product_warps;
    copy_rows<MatrixFormat, K, product_columns, threads>(matrix, topics, 0, stages);
    cuda::cp_async_commit();
    load();
    const uint32_t columns_at_first = columns_lane<MatrixFormat, K>(stages);
    for (int c = 0, at = 0; c < topics; c += product_columns, at ^= 1) {
      cuda::cp_async_wait<0>();
      __syncthreads();
      if (c + product_columns < topics) {
        copy_rows<MatrixFormat, K, product_columns, threads>(matrix, topics, c + product_columns,
                                                             stages + (at ^ 1) * stage);
        cuda::cp_async_commit();
      }
      const uint32_t columns = columns_at_first + at * stage * int(sizeof(uint16_t));
      float z[column_tiles][4] = {};
#pragma unroll
      for (int k = 0; k < K / 16; ++k) {
#pragma unroll
        for (int j = 0; j < column_tiles; j += 2) {
          uint32_t b[2][matrix_pieces][2];
          load_columns<MatrixFormat, K, product_columns>(columns, 8 * j, 16 * k, b);
          MatrixFormat::multiply(z[j], a[k], b[0]);
          MatrixFormat::multiply(z[j + 1], a[k], b[1]);
        }
      }
#pragma unroll
      for (int j = 0; j < column_tiles; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) use(e / 2, c + 8 * j + threadIdx.x % 4 * 2 + e % 2, z[j][e]);
      }
    }
  }
};

__device__ __forceinline__ int64_t first_row_of_warp() {
  return int64_t(blockIdx.x) * product_rows + threadIdx.x / 32 * 16;
}

// Sum over the 4 lanes that share rows, the same in all of them.
__device__ __forceinline__ float sum_quad(float x) {
  x += __shfl_xor_sync(all_lanes, x, 1);
  return x + __shfl_xor_sync(all_lanes, x, 2);
}

template <int K>
__global__ void __launch_bounds__(32 * product_warps)
    subtract_kernel(const float* x, const uint16_t* matrix, const float* row_scale, float scale,
                    const float* shift, int64_t n, int topics, float* out) {
  RowProducts<K> rows{x, matrix, n, first_row_of_warp(), topics, {}};
  rows.multiply_all(dynamic_shared<uint16_t>(), [&](int r, int k, float product) {
    const int64_t row = rows.first + 8 * r + threadIdx.x % 32 / 4;
    if (row >= n || k >= topics) return;
    const float factor = row_scale ? row_scale[row] : scale;
    out[row * topics + k] -= factor * product + (shift ? shift[k] : 0.f);
  });
}

// The words' mean, variance and scale under the batch's statistics, and the scaled words, packed.
template <class Format, int K>
__global__ void __launch_bounds__(32 * product_warps)
    prepare_kernel(const BowProductCuda<float> in, const uint16_t* covariance, const float* means,
                   float* batch_mean, float* batch_var, const WordScale<float> words,
                   void* packed) {
  RowProducts<K> rows{in.weight, covariance, in.words, first_row_of_warp(), int(in.topics), {}};
  float variances[2] = {}, averages[2] = {};
  rows.multiply_all(dynamic_shared<uint16_t>(), [&](int r, int k, float product) {
    const float weight = rows.element(r, k);
    variances[r] += weight * product;
    if (k < in.topics) averages[r] += weight * means[k];
  });
  float slope[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int64_t v = rows.first + 8 * r + threadIdx.x % 32 / 4;
    float variance = sum_quad(variances[r]);
    const float average = sum_quad(averages[r]);
    slope[r] = 0;
    if (v >= in.words) continue;
    // Rounding may take a variance of almost 0 below it; NaN stays.
    variance = variance < 0 ? 0.f : variance;
    const WordAffine<float> affine(in, v, variance);
    slope[r] = affine.slope;
    if (threadIdx.x % 4) continue;
    affine.store(words, v);
    batch_var[v] = variance;
    batch_mean[v] = average;
  }
#pragma unroll
  for (int k = 0; k < K / 16; ++k) {
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      const int64_t v = rows.first + 8 * (q % 2) + threadIdx.x % 32 / 4;
      float low = 0, high = 0;
#pragma unroll
      for (int p = 0; p < matrix_pieces; ++p) {
        low += low_half(rows.a[k][p][q]);
        high += high_half(rows.a[k][p][q]);
      }
      Format::store(slope[q % 2] * low, slope[q % 2] * high, in.words, v, rows.column(k, q, 0), K,
                    packed);
    }
  }
}

constexpr size_t stage_bytes(int topics) {
  return 2 * matrix_pieces * product_columns * topics * sizeof(uint16_t);
}

}  // namespace

int64_t packed_topics(int64_t topics) { return topics <= 64 ? 64 : topics <= 128 ? 128 : 256; }

int64_t packed_bytes(Operands operands, int64_t n, int64_t topics) {
  return packed_rows(n) * packed_topics(topics) * (operands == Operands::bf16 ? 2 : 4);
}

int pack(const float* x, const float* row_scale, bool by_log2_e, int64_t n, int64_t topics,
         Operands operands, void* packed, void* stream) {
  return with_format(operands, [&](auto format) {
    return launch(pack_kernel<decltype(format)>, unsigned(packed_rows(n) / 64), 256, 0, stream, x,
                  row_scale, by_log2_e ? log2_e : 1.f, n, topics, int(packed_topics(topics)),
                  packed);
  });
}

int gram_on_tensor_cores(const float* x, const float* weights, int64_t n, int64_t topics,
                         int64_t parts, float* partial, void* stream) {
  const unsigned tiles = unsigned(divide_up(topics, gram_tile));
  constexpr size_t bytes = 2 * matrix_pieces * gram_depth * gram_tile * sizeof(uint16_t);
  return launch(gram_mma_kernel, dim3(tiles, tiles, unsigned(parts)), gram_threads, bytes, stream,
                x, weights, n, int(topics), partial);
}

int subtract_packed_products(const float* x, const void* matrix, const float* row_scale,
                             float scale, const float* shift, int64_t n, int64_t topics, float* out,
                             void* stream) {
  return with_packed_topics(topics, [&](auto K) {
    return launch(subtract_kernel<K>, unsigned(divide_up(n, product_rows)), 32 * product_warps,
                  stage_bytes(K), stream, x, static_cast<const uint16_t*>(matrix), row_scale, scale,
                  shift, n, int(topics), out);
  });
}

int prepare_words(const BowProductCuda<float>& in, const void* covariance, const float* means,
                  float* batch_mean, float* batch_var, const WordScale<float>& words, void* packed,
                  void* stream) {
  return with_format(in.operands, [&](auto format) {
    return with_packed_topics(in.topics, [&](auto K) {
      return launch(prepare_kernel<decltype(format), K>,
                    unsigned(divide_up(in.words, product_rows)), 32 * product_warps, stage_bytes(K),
                    stream, in, static_cast<const uint16_t*>(covariance), means, batch_mean,
                    batch_var, words, packed);
    });
  });
}

}  // namespace bow_product
}  // namespace ntm_fast
