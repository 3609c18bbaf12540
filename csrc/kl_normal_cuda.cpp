#include "cuda_stream.h"
#include "kl_normal_torch.h"

namespace ntm_fast {

namespace {

Tensor forward(const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
               const Tensor& prior_log_variance) {
  const CudaScope cuda(mean);
  return kl_normal_torch::forward(
      mean, log_variance, prior_mean, prior_log_variance, [&](const auto& args, int64_t rows) {
        check_launch("kl_normal", kl_normal_cuda(args, rows, cuda.stream()));
      });
}

std::tuple<Tensor, Tensor, Tensor, Tensor> backward(
    const Tensor& grad_kl, const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
    const Tensor& prior_log_variance, bool want_mean, bool want_log_variance, bool want_prior_mean,
    bool want_prior_log_variance) {
  const CudaScope cuda(mean);
  return kl_normal_torch::backward(
      grad_kl, mean, log_variance, prior_mean, prior_log_variance, want_mean, want_log_variance,
      want_prior_mean, want_prior_log_variance, [&](const auto& args, int64_t rows) {
        check_launch("kl_normal_backward", kl_normal_backward_cuda(args, rows, cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("kl_normal", TORCH_BOX(&forward));
  m.impl("kl_normal_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
