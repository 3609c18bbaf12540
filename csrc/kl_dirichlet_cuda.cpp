#include "cuda_stream.h"
#include "kl_dirichlet_torch.h"

namespace ntm_fast {

namespace {

Tensor forward(const Tensor& alpha, const Tensor& prior) {
  const CudaScope cuda(alpha);
  return kl_dirichlet_torch::forward(alpha, prior, [&](const auto& args, int64_t rows) {
    check_launch("kl_dirichlet", kl_dirichlet_cuda(args, rows, cuda.stream()));
  });
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad_kl, const Tensor& alpha, const Tensor& prior,
                                    bool want_alpha, bool want_prior) {
  const CudaScope cuda(alpha);
  return kl_dirichlet_torch::backward(
      grad_kl, alpha, prior, want_alpha, want_prior, [&](const auto& args, int64_t rows) {
        check_launch("kl_dirichlet_backward",
                     kl_dirichlet_backward_cuda(args, rows, cuda.stream()));
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("kl_dirichlet", TORCH_BOX(&forward));
  m.impl("kl_dirichlet_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
