#pragma once
// Torch's side of gamma_implicit_gradient on any device: device.run(args, n, alpha) is the kernel.

#include "gamma_checks.h"
#include "gamma_implicit_gradient.h"

namespace ntm_fast {
namespace gamma_implicit_gradient_torch {

constexpr char op[] = "gamma_implicit_gradient";

// (alpha, log_x, of one shape) -> d log x / d alpha
template <class Device>
Tensor forward(const Tensor& alpha, const Tensor& log_x) {
  check_same_shape(op, "log_x", log_x, "alpha", alpha);
  check_same_dtype(op, "log_x", log_x, "alpha", alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha), l = contiguous(log_x);
  const Tensor gradient = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    device.run(GammaImplicitGradient<T>{data<T>(a), data<T>(l), nullptr, mutable_data<T>(gradient)},
               a.numel(), a);
  });
  return gradient;
}

}  // namespace gamma_implicit_gradient_torch
}  // namespace ntm_fast
