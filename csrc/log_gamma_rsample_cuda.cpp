#include "cuda_stream.h"
#include "log_gamma_rsample_torch.h"

namespace ntm_fast {

namespace {

Tensor forward(const Tensor& alpha, const Tensor& seed) {
  const CudaScope cuda(alpha);
  return log_gamma_rsample_torch::forward(alpha, seed, [&](const auto& args, const Tensor& a) {
    check_launch("log_gamma_rsample", log_gamma_rsample_cuda(args, a.numel(), cuda.stream()));
  });
}

Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_gamma) {
  const CudaScope cuda(alpha);
  return log_gamma_rsample_torch::backward(
      grad, alpha, log_gamma, [&](const auto& args, const Tensor& a) {
        check_launch("log_gamma_rsample_backward",
                     gamma_implicit_gradient_cuda(args, a.numel(), cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("log_gamma_rsample", TORCH_BOX(&forward));
  m.impl("log_gamma_rsample_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
