// Matrices packed for the tensor cores.

#include "bow_product.cuh"
#include "bow_product_mma.cuh"
#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

// packed[p, r, k] = piece p of factor row_scale_r x_rk, 0 for k >= topics; two topics a lane
__global__ void __launch_bounds__(256)
    pack_kernel(const float* x, const float* row_scale, float factor, int64_t n, int64_t topics,
                int padded, int pieces, uint16_t* packed) {
  const int64_t row = int64_t(blockIdx.x) * 8 + threadIdx.x / 32;
  if (row >= n) return;
  const float scale = row_scale ? factor * row_scale[row] : factor;
  for (int k = threadIdx.x % 32 * 2; k < padded; k += 64) {
    float low = k < topics ? scale * x[row * topics + k] : 0.f;
    float high = k + 1 < topics ? scale * x[row * topics + k + 1] : 0.f;
    for (int p = 0; p < pieces; ++p) {
      const uint32_t pair = cuda::pack_bf16(low, high);
      *reinterpret_cast<uint32_t*>(packed + (p * n + row) * padded + k) = pair;
      low -= low_half(pair);
      high -= high_half(pair);
    }
  }
}

}  // namespace

int64_t packed_topics(int64_t topics) { return topics <= 64 ? 64 : topics <= 128 ? 128 : 256; }

int pack(const float* x, const float* row_scale, bool by_log2_e, int64_t n, int64_t topics,
         int pieces, uint16_t* packed, void* stream) {
  return launch(pack_kernel, unsigned(divide_up(n, 8)), 256, 0, stream, x, row_scale,
                by_log2_e ? log2_e : 1.f, n, topics, int(packed_topics(topics)), pieces, packed);
}

}  // namespace bow_product
}  // namespace ntm_fast
