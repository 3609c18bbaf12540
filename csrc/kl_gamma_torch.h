#pragma once
// Torch's side of kl_gamma on any device: run(args, rows) is the kernel.

#include "kl_rows_torch.h"

namespace ntm_fast {
namespace kl_gamma_torch {

constexpr char op[] = "kl_gamma";
constexpr const char* names[] = {"alpha", "rate", "prior_alpha", "prior_rate"};
constexpr kl_rows_torch::Names all_names{op, {names[0], names[1], names[2], names[3]}};

// (alpha [B, K], the others [B, K] or [1, K]) -> kl [B]
template <class Run>
Tensor forward(const Tensor& alpha, const Tensor& rate, const Tensor& prior_alpha,
               const Tensor& prior_rate, const Run& run) {
  return kl_rows_torch::forward<KlGamma>(all_names, {alpha, rate, prior_alpha, prior_rate}, run);
}

template <class Run>
kl_rows_torch::Gradients backward(const Tensor& grad_kl, const Tensor& alpha, const Tensor& rate,
                                  const Tensor& prior_alpha, const Tensor& prior_rate,
                                  bool want_alpha, bool want_rate, bool want_prior_alpha,
                                  bool want_prior_rate, const Run& run) {
  return kl_rows_torch::backward<KlGammaBackward>(
      all_names, grad_kl, {alpha, rate, prior_alpha, prior_rate},
      {want_alpha, want_rate, want_prior_alpha, want_prior_rate}, run);
}

}  // namespace kl_gamma_torch
}  // namespace ntm_fast
