#include "cuda_stream.h"
#include "log_dirichlet_rsvi_torch.h"

namespace ntm_fast {

namespace {

std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed, int64_t boost) {
  const CudaScope cuda(alpha);
  return log_dirichlet_rsvi_torch::forward(
      alpha, seed, boost, [&](const auto& args, const Tensor& a) {
        check_launch("log_dirichlet_rsvi", log_dirichlet_rsvi_cuda(args, a.size(0), cuda.stream()));
      });
}

Tensor backward(const Tensor& grad, const Tensor& log_theta, const Tensor& slope) {
  const CudaScope cuda(grad);
  return log_dirichlet_rsvi_torch::backward(
      grad, log_theta, slope, [&](const auto& args, const Tensor& g) {
        check_launch("log_dirichlet_rsvi_backward",
                     log_dirichlet_rsvi_backward_cuda(args, g.size(0), cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("log_dirichlet_rsvi", TORCH_BOX(&forward));
  m.impl("log_dirichlet_rsvi_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
