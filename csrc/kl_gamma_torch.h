#pragma once
// Torch's side of kl_gamma on any device: run(args, rows) is the kernel.

#include <array>
#include <tuple>

#include "kl_gamma.h"
#include "tensors.h"

namespace ntm_fast {
namespace kl_gamma_torch {

constexpr char op[] = "kl_gamma";
constexpr const char* names[] = {"alpha", "rate", "prior_alpha", "prior_rate"};

using Arguments = std::array<Tensor, 4>;  // contiguous, [R, K] or [1, K]

inline Arguments checked(const Tensor& alpha, const Tensor& rate, const Tensor& prior_alpha,
                         const Tensor& prior_rate) {
  check(alpha.dim() == 2, op, ": alpha has shape ", shape(alpha), ", expected [B, K]");
  Arguments arguments{contiguous(alpha), contiguous(rate), contiguous(prior_alpha),
                      contiguous(prior_rate)};
  for (int i = 1; i < 4; ++i) {
    const Tensor& x = arguments[i];
    const bool fits = x.dim() == 2 && x.size(1) == alpha.size(1) &&
                      (x.size(0) == 1 || x.size(0) == alpha.size(0));
    check(fits, op, ": ", names[i], " has shape ", shape(x), ", expected [1, ", alpha.size(1),
          "] or [", alpha.size(0), ", ", alpha.size(1), "]");
    check_same_dtype(op, names[i], x, "alpha", alpha);
  }
  return arguments;
}

template <class T>
GammaRows<T> rows_of(const Tensor& x) {
  return {data<T>(x), x.size(0) == 1 ? 0 : x.size(1)};
}

// (alpha [B, K], the others [B, K] or [1, K]) -> kl [B]
template <class Run>
Tensor forward(const Tensor& alpha, const Tensor& rate, const Tensor& prior_alpha,
               const Tensor& prior_rate, const Run& run) {
  const Arguments x = checked(alpha, rate, prior_alpha, prior_rate);
  const Tensor kl = torch::stable::new_empty(alpha, {alpha.size(0)});
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const KlGamma<T> args{rows_of<T>(x[0]), rows_of<T>(x[1]),    rows_of<T>(x[2]),
                          rows_of<T>(x[3]), mutable_data<T>(kl), alpha.size(1)};
    run(args, alpha.size(0));
  });
  return kl;
}

// -> the four gradients, each [B, K] (for an argument [1, K] to be summed), or [0, K] if not wanted
template <class Run>
std::tuple<Tensor, Tensor, Tensor, Tensor> backward(const Tensor& grad_kl, const Tensor& alpha,
                                                    const Tensor& rate, const Tensor& prior_alpha,
                                                    const Tensor& prior_rate, bool want_alpha,
                                                    bool want_rate, bool want_prior_alpha,
                                                    bool want_prior_rate, const Run& run) {
  const Arguments x = checked(alpha, rate, prior_alpha, prior_rate);
  check(grad_kl.dim() == 1 && grad_kl.size(0) == alpha.size(0), op, ": grad_kl has shape ",
        shape(grad_kl), ", expected [", alpha.size(0), "]");
  check_same_dtype(op, "grad_kl", grad_kl, "alpha", alpha);
  const Tensor g = contiguous(grad_kl);
  const bool want[] = {want_alpha, want_rate, want_prior_alpha, want_prior_rate};
  const auto output = [&](int i) {
    return torch::stable::new_empty(alpha, {want[i] ? alpha.size(0) : 0, alpha.size(1)});
  };
  const Arguments gradients{output(0), output(1), output(2), output(3)};
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    KlGammaBackward<T> args{rows_of<T>(x[0]), rows_of<T>(x[1]), rows_of<T>(x[2]),
                            rows_of<T>(x[3]), data<T>(g),       {},
                            alpha.size(1)};
    for (int i = 0; i < 4; ++i) {
      args.gradients[i] = want[i] ? mutable_data<T>(gradients[i]) : nullptr;
    }
    run(args, alpha.size(0));
  });
  return {gradients[0], gradients[1], gradients[2], gradients[3]};
}

}  // namespace kl_gamma_torch
}  // namespace ntm_fast
