// Σ_r weights_r x_r x_rᵀ on the tensor cores, by three products of bfloat16, close to float32.

#include "bow_product.cuh"
#include "bow_product_mma.cuh"
#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

// partial[blockIdx.z] = Σ_r weights_r x_r x_rᵀ over its share of rows, in tiles of 64 x 64; those
// below the diagonal are left out.
constexpr int gram_tile = 64, gram_depth = 32, gram_threads = 128;
constexpr int matrix_pieces = MatrixFormat::pieces, chunk = MatrixFormat::chunk;

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
    __syncthreads();  // nobody reads the last tiles any more
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

}  // namespace

int gram_on_tensor_cores(const float* x, const float* weights, int64_t n, int64_t topics,
                         int64_t parts, float* partial, void* stream) {
  const unsigned tiles = unsigned(divide_up(topics, gram_tile));
  constexpr size_t bytes = 2 * matrix_pieces * gram_depth * gram_tile * sizeof(uint16_t);
  return launch(gram_mma_kernel, dim3(tiles, tiles, unsigned(parts)), gram_threads, bytes, stream,
                x, weights, n, int(topics), partial);
}

}  // namespace bow_product
}  // namespace ntm_fast
