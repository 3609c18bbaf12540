// Matrices packed for the tensor cores.

#include "bow_product.cuh"
#include "bow_product_mma.cuh"
#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

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

}  // namespace bow_product
}  // namespace ntm_fast
