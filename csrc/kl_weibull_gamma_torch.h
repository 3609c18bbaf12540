#pragma once
// Torch's side of kl_weibull_gamma on any device: run(args, rows) is the kernel.

#include "kl_rows_torch.h"
#include "kl_weibull_gamma.h"

namespace ntm_fast {
namespace kl_weibull_gamma_torch {

constexpr kl_rows_torch::Names names{"kl_weibull_gamma",
                                     {"shape", "scale", "prior_alpha", "prior_rate"}};

// (shape [B, K], the others [B, K] or [1, K]) -> kl [B]
template <class Run>
Tensor forward(const kl_rows_torch::Arguments& given, const Run& run) {
  return kl_rows_torch::forward<KlWeibullGamma>(names, given, run);
}

template <class Run>
kl_rows_torch::Gradients backward(const Tensor& grad_kl, const kl_rows_torch::Arguments& given,
                                  const std::array<bool, 4>& want, const Run& run) {
  return kl_rows_torch::backward<KlWeibullGammaBackward>(names, grad_kl, given, want, run);
}

}  // namespace kl_weibull_gamma_torch
}  // namespace ntm_fast
