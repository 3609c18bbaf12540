#include "cuda_stream.h"
#include "dropout_torch.h"

namespace ntm_fast {

namespace {

Tensor dropout(const Tensor& x, double p, const Tensor& seed, int64_t stream) {
  const CudaScope cuda(x);
  return dropout_torch::forward(x, p, seed, stream, [&](const auto& args, int64_t n) {
    check_launch("dropout", dropout_cuda(args, n, cuda.stream()));
  });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("dropout", TORCH_BOX(&dropout));
}

}  // namespace ntm_fast
