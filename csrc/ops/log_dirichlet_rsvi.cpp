#pragma once
// Torch's side of log_dirichlet_rsvi on any device: device.run(args, rows, alpha) is the kernel.

#include <tuple>
#include <utility>

#include "gamma_checks.h"
#include "log_dirichlet_rsvi.h"

namespace ntm_fast {
namespace log_dirichlet_rsvi_torch {

constexpr char op[] = "log_dirichlet_rsvi";

// (alpha [B, K], seed [], boost) -> (log_theta [B, K], d log_gamma / d alpha [B, K])
template <class Device>
std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed, int64_t boost) {
  check(alpha.dim() == 2 && alpha.size(1) > 0, op, ": alpha has shape ", shape(alpha),
        ", expected [B, K] with K > 0");
  check(boost >= 1, op, ": boost is ", boost, ", expected >= 1");
  const Seed key = seed_beside(op, seed, alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha);
  const Tensor log_theta = torch::stable::empty_like(a), slope = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    device.run(LogDirichletRsvi<T>{data<T>(a), mutable_data<T>(log_theta), mutable_data<T>(slope),
                                   key.number, key.place, boost, a.size(1)},
               a.size(0), a);
  });
  return {log_theta, slope};
}

// (gradient of log_theta, log_theta, slope, all [B, K]) -> gradient of alpha [B, K]
template <class Device>
Tensor backward(const Tensor& grad, const Tensor& log_theta, const Tensor& slope) {
  check(grad.dim() == 2 && grad.size(1) > 0, op, ": grad has shape ", shape(grad),
        ", expected [B, K] with K > 0");
  const std::pair<const char*, const Tensor*> others[] = {{"log_theta", &log_theta},
                                                          {"slope", &slope}};
  for (const auto& [name, tensor] : others) {
    check_same_shape(op, name, *tensor, "grad", grad);
    check_same_dtype(op, name, *tensor, "grad", grad);
  }
  const Device device(op, grad);
  const Tensor g = contiguous(grad), t = contiguous(log_theta), s = contiguous(slope);
  const Tensor grad_alpha = torch::stable::empty_like(g);
  dispatch_floating(op, "grad", grad, [&](auto zero) {
    using T = decltype(zero);
    device.run(LogDirichletRsviBackward<T>{data<T>(g), data<T>(t), data<T>(s),
                                           mutable_data<T>(grad_alpha), g.size(1)},
               g.size(0));
  });
  return grad_alpha;
}

}  // namespace log_dirichlet_rsvi_torch
}  // namespace ntm_fast
