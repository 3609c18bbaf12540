#include "kl_dirichlet.h"

#include <tuple>

#include "check_values.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "kl_dirichlet";
constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 5;

void check_inputs(const Tensor& alpha, const Tensor& prior) {
  check(alpha.dim() == 2, op, ": alpha has shape ", shape(alpha), ", expected [B, K]");
  const bool fits = prior.dim() == 2 && prior.size(1) == alpha.size(1) &&
                    (prior.size(0) == 1 || prior.size(0) == alpha.size(0));
  check(fits, op, ": prior has shape ", shape(prior), ", expected [1, ", alpha.size(1), "] or [",
        alpha.size(0), ", ", alpha.size(1), "]");
  check_same_dtype(op, "prior", prior, "alpha", alpha);
}

// (alpha [B, K], prior [B, K] or [1, K]) -> kl [B]
Tensor forward(const Tensor& alpha, const Tensor& prior) {
  check_inputs(alpha, prior);
  const Tensor a = contiguous(alpha), p = contiguous(prior);
  const int64_t rows = alpha.size(0), topics = alpha.size(1);
  const Tensor kl = torch::stable::new_empty(alpha, {rows});
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    check_positive<T>(op, "alpha", a);
    check_positive<T>(op, "prior", p);
    const KlDirichlet<T> args{data<T>(a), data<T>(p), mutable_data<T>(kl), topics,
                              prior.size(0) == 1 ? 0 : topics};
    const auto kernel = NTM_FAST_CPU_CALL(kl_dirichlet<T>);
    parallel_blocks(rows, rows_per_block, element_ns * double(alpha.numel()),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return kl;
}

// -> gradients of alpha and prior, each [B, K] (for a prior [1, K] to be summed), or [0, K] if not
// wanted
std::tuple<Tensor, Tensor> backward(const Tensor& grad_kl, const Tensor& alpha, const Tensor& prior,
                                    bool want_alpha, bool want_prior) {
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
    const auto kernel = NTM_FAST_CPU_CALL(kl_dirichlet_backward<T>);
    parallel_blocks(rows, rows_per_block, element_ns * double(alpha.numel()),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return {ga, gp};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("kl_dirichlet(Tensor alpha, Tensor prior) -> Tensor");
  m.def(
      "kl_dirichlet_backward(Tensor grad_kl, Tensor alpha, Tensor prior, bool want_alpha,"
      " bool want_prior) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("kl_dirichlet", TORCH_BOX(&forward));
  m.impl("kl_dirichlet_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
