#pragma once
// Torch's side of log_gamma_rsample on any device: device.run(args, n, alpha) is the kernel.

#include <utility>

#include "gamma_checks.h"
#include "gamma_implicit_gradient.h"
#include "log_gamma_rsample.h"

namespace ntm_fast {
namespace log_gamma_rsample_torch {

constexpr char op[] = "log_gamma_rsample";

// (alpha, seed []) -> log of draws, of alpha's shape
template <class Device>
Tensor forward(const Tensor& alpha, const Tensor& seed) {
  const Seed key = seed_beside(op, seed, alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha);
  const Tensor log_gamma = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    device.run(LogGammaRsample<T>{data<T>(a), mutable_data<T>(log_gamma), key.number, key.place},
               a.numel(), a);
  });
  return log_gamma;
}

// (gradient of log_gamma, alpha, log_gamma, of one shape) -> gradient of alpha
template <class Device>
Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_gamma) {
  for (const auto& [name, tensor] : {std::pair{"grad", &grad}, {"log_gamma", &log_gamma}}) {
    check_same_shape(op, name, *tensor, "alpha", alpha);
    check_same_dtype(op, name, *tensor, "alpha", alpha);
  }
  const Device device(op, alpha);
  const Tensor g = contiguous(grad), a = contiguous(alpha), l = contiguous(log_gamma);
  const Tensor grad_alpha = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    device.run(
        GammaImplicitGradient<T>{data<T>(a), data<T>(l), data<T>(g), mutable_data<T>(grad_alpha)},
        a.numel());
  });
  return grad_alpha;
}

}  // namespace log_gamma_rsample_torch
}  // namespace ntm_fast
