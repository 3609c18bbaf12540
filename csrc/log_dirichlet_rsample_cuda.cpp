#include "cuda_stream.h"
#include "log_dirichlet_rsample_torch.h"

namespace ntm_fast {

namespace {

std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed) {
  const CudaScope cuda(alpha);
  return log_dirichlet_rsample_torch::forward(alpha, seed, [&](const auto& args, const Tensor& a) {
    check_launch("log_dirichlet_rsample",
                 log_dirichlet_rsample_cuda(args, a.size(0), cuda.stream()));
  });
}

Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_theta,
                const Tensor& log_gamma) {
  const CudaScope cuda(alpha);
  return log_dirichlet_rsample_torch::backward(
      grad, alpha, log_theta, log_gamma, [&](const auto& args, const Tensor& a) {
        check_launch("log_dirichlet_rsample_backward",
                     log_dirichlet_rsample_backward_cuda(args, a.size(0), cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("log_dirichlet_rsample", TORCH_BOX(&forward));
  m.impl("log_dirichlet_rsample_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
