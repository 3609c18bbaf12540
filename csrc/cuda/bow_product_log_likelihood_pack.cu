// Matrices packed for the tensor cores.

#include "bow_product.cuh"
#include "bow_product_mma.cuh"
#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

// Piece p of factor row_scale_r x_rk, 0 for r >= n or k >= topics. A warp takes 8 rows: lane 4 g +
// m has topics 2 m, 2 m + 1 of every 8 in row g.
__global__ void __launch_bounds__(256)
    pack_kernel(const float* x, const float* row_scale, float factor, int64_t n, int64_t topics,
                int padded, int pieces, uint16_t* packed) {
  const int64_t row = int64_t(blockIdx.x) * 64 + threadIdx.x / 4;
  const float scale = row < n && row_scale ? factor * row_scale[row] : factor;
  for (int k = threadIdx.x % 4 * 2; k < padded; k += 8) {
    float low = row < n && k < topics ? scale * x[row * topics + k] : 0.f;
    float high = row < n && k + 1 < topics ? scale * x[row * topics + k + 1] : 0.f;
    for (int p = 0; p < pieces; ++p) {
      const uint32_t pair = cuda::pack_bf16(low, high);
      uint16_t* const piece = packed + p * packed_rows(n) * padded;
      *reinterpret_cast<uint32_t*>(piece + packed_place(row, k, padded)) = pair;
      low -= low_half(pair);
      high -= high_half(pair);
    }
  }
}

}  // namespace

int64_t packed_topics(int64_t topics) { return topics <= 64 ? 64 : topics <= 128 ? 128 : 256; }

int pack(const float* x, const float* row_scale, bool by_log2_e, int64_t n, int64_t topics,
         int pieces, uint16_t* packed, void* stream) {
  return launch(pack_kernel, unsigned(packed_rows(n) / 64), 256, 0, stream, x, row_scale,
                by_log2_e ? log2_e : 1.f, n, topics, int(packed_topics(topics)), pieces, packed);
}

}  // namespace bow_product
}  // namespace ntm_fast
