#include "cuda_stream.h"
#include "logistic_normal_rsample_torch.h"

namespace ntm_fast {

namespace {

std::tuple<Tensor, Tensor> forward(const Tensor& mean, const Tensor& log_variance,
                                   const Tensor& seed) {
  const CudaScope cuda(mean);
  return logistic_normal_rsample_torch::forward(
      mean, log_variance, seed, [&](const auto& args, int64_t rows) {
        check_launch("logistic_normal_rsample",
                     logistic_normal_rsample_cuda(args, rows, cuda.stream()));
      });
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad_theta, const Tensor& theta,
                                    const Tensor& half_deviation) {
  const CudaScope cuda(theta);
  return logistic_normal_rsample_torch::backward(
      grad_theta, theta, half_deviation, [&](const auto& args, int64_t rows) {
        check_launch("logistic_normal_rsample_backward",
                     logistic_normal_rsample_backward_cuda(args, rows, cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("logistic_normal_rsample", TORCH_BOX(&forward));
  m.impl("logistic_normal_rsample_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
