#pragma once
// Torch's side of kl_dirichlet on any device: run(args, rows) is the kernel.

#include <tuple>

#include "kl_dirichlet.h"
#include "tensors.h"

namespace ntm_fast {
namespace kl_dirichlet_torch {

constexpr char op[] = "kl_dirichlet";

inline void check_inputs(const Tensor& alpha, const Tensor& prior) {
  check(alpha.dim() == 2, op, ": alpha has shape ", shape(alpha), ", expected [B, K]");
  const bool fits = prior.dim() == 2 && prior.size(1) == alpha.size(1) &&
                    (prior.size(0) == 1 || prior.size(0) == alpha.size(0));
  check(fits, op, ": prior has shape ", shape(prior), ", expected [1, ", alpha.size(1), "] or [",
        alpha.size(0), ", ", alpha.size(1), "]");
  check_same_dtype(op, "prior", prior, "alpha", alpha);
}

// (alpha [B, K], prior [B, K] or [1, K]) -> kl [B]
template <class Run>
Tensor forward(const Tensor& alpha, const Tensor& prior, const Run& run) {
  check_inputs(alpha, prior);
  const Tensor a = contiguous(alpha), p = contiguous(prior);
  const int64_t rows = alpha.size(0), topics = alpha.size(1);
  const Tensor kl = torch::stable::new_empty(alpha, {rows});
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const KlDirichlet<T> args{data<T>(a), data<T>(p), mutable_data<T>(kl), topics,
                              prior.size(0) == 1 ? 0 : topics};
    run(args, rows);
  });
  return kl;
}

// -> gradients of alpha and prior, each [B, K] (for a prior [1, K] to be summed), or [0, K] if not
// wanted
template <class Run>
std::tuple<Tensor, Tensor> backward(const Tensor& grad_kl, const Tensor& alpha, const Tensor& prior,
                                    bool want_alpha, bool want_prior, const Run& run) {
  check_inputs(alpha, prior);
  check(grad_kl.dim() == 1 && grad_kl.size(0) == alpha.size(0), op, ": grad_kl has shape ",
        shape(grad_kl), ", expected [", alpha.size(0), "]");
  check_same_dtype(op, "grad_kl", grad_kl, "alpha", alpha);
  const Tensor g = contiguous(grad_kl), a = contiguous(alpha), p = contiguous(prior);
  const int64_t rows = alpha.size(0), topics = alpha.size(1);
  const Tensor ga = torch::stable::new_empty(a, {want_alpha ? rows : 0, topics}),
               gp = torch::stable::new_empty(a, {want_prior ? rows : 0, topics});
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const KlDirichletBackward<T> args{data<T>(g),
                                      data<T>(a),
                                      data<T>(p),
                                      want_alpha ? mutable_data<T>(ga) : nullptr,
                                      want_prior ? mutable_data<T>(gp) : nullptr,
                                      topics,
                                      prior.size(0) == 1 ? 0 : topics};
    run(args, rows);
  });
  return {ga, gp};
}

}  // namespace kl_dirichlet_torch
}  // namespace ntm_fast
