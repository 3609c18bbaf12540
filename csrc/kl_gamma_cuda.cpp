#include "cuda_stream.h"
#include "kl_gamma_torch.h"

namespace ntm_fast {

namespace {

Tensor forward(const Tensor& alpha, const Tensor& rate, const Tensor& prior_alpha,
               const Tensor& prior_rate) {
  const CudaScope cuda(alpha);
  return kl_gamma_torch::forward(
      alpha, rate, prior_alpha, prior_rate, [&](const auto& args, int64_t rows) {
        check_launch("kl_gamma", kl_gamma_cuda(args, rows, cuda.stream()));
      });
}

std::tuple<Tensor, Tensor, Tensor, Tensor> backward(const Tensor& grad_kl, const Tensor& alpha,
                                                    const Tensor& rate, const Tensor& prior_alpha,
                                                    const Tensor& prior_rate, bool want_alpha,
                                                    bool want_rate, bool want_prior_alpha,
                                                    bool want_prior_rate) {
  const CudaScope cuda(alpha);
  return kl_gamma_torch::backward(
      grad_kl, alpha, rate, prior_alpha, prior_rate, want_alpha, want_rate, want_prior_alpha,
      want_prior_rate, [&](const auto& args, int64_t rows) {
        check_launch("kl_gamma_backward", kl_gamma_backward_cuda(args, rows, cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("kl_gamma", TORCH_BOX(&forward));
  m.impl("kl_gamma_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
