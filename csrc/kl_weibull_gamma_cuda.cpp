#include "cuda_stream.h"
#include "kl_weibull_gamma_torch.h"

namespace ntm_fast {

namespace {

Tensor forward(const Tensor& shape, const Tensor& scale, const Tensor& prior_alpha,
               const Tensor& prior_rate) {
  const CudaScope cuda(shape);
  return kl_weibull_gamma_torch::forward(
      {shape, scale, prior_alpha, prior_rate}, [&](const auto& args, int64_t rows) {
        check_launch("kl_weibull_gamma", kl_weibull_gamma_cuda(args, rows, cuda.stream()));
      });
}

kl_rows_torch::Gradients backward(const Tensor& grad_kl, const Tensor& shape, const Tensor& scale,
                                  const Tensor& prior_alpha, const Tensor& prior_rate,
                                  bool want_shape, bool want_scale, bool want_prior_alpha,
                                  bool want_prior_rate) {
  const CudaScope cuda(shape);
  return kl_weibull_gamma_torch::backward(
      grad_kl, {shape, scale, prior_alpha, prior_rate},
      {want_shape, want_scale, want_prior_alpha, want_prior_rate},
      [&](const auto& args, int64_t rows) {
        check_launch("kl_weibull_gamma_backward",
                     kl_weibull_gamma_backward_cuda(args, rows, cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("kl_weibull_gamma", TORCH_BOX(&forward));
  m.impl("kl_weibull_gamma_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
