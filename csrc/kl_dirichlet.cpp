#include "check_values.h"
#include "kl_dirichlet_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 5;
constexpr auto& op = kl_dirichlet_torch::op;

Tensor forward(const Tensor& alpha, const Tensor& prior) {
  return kl_dirichlet_torch::forward(alpha, prior, [&](const auto& args, int64_t rows) {
    using T = std::decay_t<decltype(*args.kl)>;
    check_positive(op, "alpha", alpha, args.alpha);
    check_positive(op, "prior", prior, args.prior);
    const auto kernel = NTM_FAST_CPU_CALL(kl_dirichlet<T>);
    parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad_kl, const Tensor& alpha, const Tensor& prior,
                                    bool want_alpha, bool want_prior) {
  return kl_dirichlet_torch::backward(
      grad_kl, alpha, prior, want_alpha, want_prior, [&](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.grad_kl)>;
        const auto kernel = NTM_FAST_CPU_CALL(kl_dirichlet_backward<T>);
        parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
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
