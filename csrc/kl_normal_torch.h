#pragma once
// Torch's side of kl_normal on any device: run(args, rows) is the kernel.

#include <array>
#include <tuple>

#include "kl_normal.h"
#include "tensors.h"

namespace ntm_fast {
namespace kl_normal_torch {

constexpr char op[] = "kl_normal";
constexpr const char* names[] = {"mean", "log_variance", "prior_mean", "prior_log_variance"};

using Arguments = std::array<Tensor, 4>;  // [R, K] or [1, K], rows contiguous in themselves

inline Arguments checked(const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
                         const Tensor& prior_log_variance) {
  check(mean.dim() == 2, op, ": mean has shape ", shape(mean), ", expected [B, K]");
  Arguments arguments{mean, log_variance, prior_mean, prior_log_variance};
  for (int i = 0; i < 4; ++i) {
    Tensor& x = arguments[i];
    const bool fits =
        x.dim() == 2 && x.size(1) == mean.size(1) && (x.size(0) == 1 || x.size(0) == mean.size(0));
    check(fits, op, ": ", names[i], " has shape ", shape(x), ", expected [1, ", mean.size(1),
          "] or [", mean.size(0), ", ", mean.size(1), "]");
    check_same_dtype(op, names[i], x, "mean", mean);
    if (x.size(1) > 1 && x.stride(1) != 1) x = contiguous(x);
  }
  return arguments;
}

template <class T>
NormalRows<T> rows_of(const Tensor& x) {
  return {data<T>(x), x.size(0) == 1 ? 0 : x.stride(0)};
}

// (mean [B, K], the others [B, K] or [1, K]) -> kl [B]
template <class Run>
Tensor forward(const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
               const Tensor& prior_log_variance, const Run& run) {
  const Arguments x = checked(mean, log_variance, prior_mean, prior_log_variance);
  const Tensor kl = torch::stable::new_empty(mean, {mean.size(0)});
  dispatch_floating(op, "mean", mean, [&](auto zero) {
    using T = decltype(zero);
    const KlNormal<T> args{rows_of<T>(x[0]), rows_of<T>(x[1]),    rows_of<T>(x[2]),
                           rows_of<T>(x[3]), mutable_data<T>(kl), mean.size(1)};
    run(args, mean.size(0));
  });
  return kl;
}

// -> the four gradients, each [B, K] (for an argument [1, K] to be summed), or [0, K] if not wanted
template <class Run>
std::tuple<Tensor, Tensor, Tensor, Tensor> backward(
    const Tensor& grad_kl, const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
    const Tensor& prior_log_variance, bool want_mean, bool want_log_variance, bool want_prior_mean,
    bool want_prior_log_variance, const Run& run) {
  const Arguments x = checked(mean, log_variance, prior_mean, prior_log_variance);
  check(grad_kl.dim() == 1 && grad_kl.size(0) == mean.size(0), op, ": grad_kl has shape ",
        shape(grad_kl), ", expected [", mean.size(0), "]");
  check_same_dtype(op, "grad_kl", grad_kl, "mean", mean);
  const Tensor g = contiguous(grad_kl);
  const bool want[] = {want_mean, want_log_variance, want_prior_mean, want_prior_log_variance};
  const auto output = [&](int i) {
    return torch::stable::new_empty(mean, {want[i] ? mean.size(0) : 0, mean.size(1)});
  };
  const Arguments gradients{output(0), output(1), output(2), output(3)};
  dispatch_floating(op, "mean", mean, [&](auto zero) {
    using T = decltype(zero);
    KlNormalBackward<T> args{rows_of<T>(x[0]), rows_of<T>(x[1]), rows_of<T>(x[2]),
                             rows_of<T>(x[3]), data<T>(g),       {},
                             mean.size(1)};
    for (int i = 0; i < 4; ++i) {
      args.gradients[i] = want[i] ? mutable_data<T>(gradients[i]) : nullptr;
    }
    run(args, mean.size(0));
  });
  return {gradients[0], gradients[1], gradients[2], gradients[3]};
}

}  // namespace kl_normal_torch
}  // namespace ntm_fast
