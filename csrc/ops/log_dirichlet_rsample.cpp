#pragma once
// Torch's side of log_dirichlet_rsample on any device: device.run(args, rows, alpha) is the
// kernel.

#include <tuple>
#include <utility>

#include "gamma_checks.h"
#include "log_dirichlet_rsample.h"

namespace ntm_fast {
namespace log_dirichlet_rsample_torch {

constexpr char op[] = "log_dirichlet_rsample";

inline void check_alpha(const Tensor& alpha) {
  check(alpha.dim() == 2 && alpha.size(1) > 0, op, ": alpha has shape ", shape(alpha),
        ", expected [B, K] with K > 0");
}

// (alpha [B, K], seed []) -> (log_theta [B, K], log_gamma [B, K])
template <class Device>
std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed) {
  check_alpha(alpha);
  const Seed key = seed_beside(op, seed, alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha);
  const Tensor log_theta = torch::stable::empty_like(a), log_gamma = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    device.run(LogDirichletRsample<T>{data<T>(a), mutable_data<T>(log_theta),
                                      mutable_data<T>(log_gamma), key.number, key.place, a.size(1)},
               a.size(0), a);
  });
  return {log_theta, log_gamma};
}

// (gradient of log_theta, alpha, log_theta, log_gamma, all [B, K]) -> gradient of alpha [B, K]
template <class Device>
Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_theta,
                const Tensor& log_gamma) {
  check_alpha(alpha);
  const std::pair<const char*, const Tensor*> others[] = {
      {"grad", &grad}, {"log_theta", &log_theta}, {"log_gamma", &log_gamma}};
  for (const auto& [name, tensor] : others) {
    check_same_shape(op, name, *tensor, "alpha", alpha);
    check_same_dtype(op, name, *tensor, "alpha", alpha);
  }
  const Device device(op, alpha);
  const Tensor g = contiguous(grad), a = contiguous(alpha), t = contiguous(log_theta),
               l = contiguous(log_gamma);
  const Tensor grad_alpha = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    device.run(LogDirichletRsampleBackward<T>{data<T>(g), data<T>(a), data<T>(t), data<T>(l),
                                              mutable_data<T>(grad_alpha), a.size(1)},
               a.size(0));
  });
  return grad_alpha;
}

}  // namespace log_dirichlet_rsample_torch
}  // namespace ntm_fast
