#include "check_values.h"
#include "kl_gamma_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 6;
constexpr auto& op = kl_gamma_torch::op;
constexpr auto& names = kl_gamma_torch::names;

Tensor forward(const Tensor& alpha, const Tensor& rate, const Tensor& prior_alpha,
               const Tensor& prior_rate) {
  return kl_gamma_torch::forward(
      alpha, rate, prior_alpha, prior_rate, [&](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.kl)>;
        const GammaRows<T>* const rows_of[] = {&args.alpha, &args.rate, &args.prior_alpha,
                                               &args.prior_rate};
        const Tensor* const tensors[] = {&alpha, &rate, &prior_alpha, &prior_rate};
        for (int i = 0; i < 4; ++i) check_positive(op, names[i], *tensors[i], rows_of[i]->data);
        const auto kernel = NTM_FAST_CPU_CALL(kl_gamma<T>);
        parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

std::tuple<Tensor, Tensor, Tensor, Tensor> backward(const Tensor& grad_kl, const Tensor& alpha,
                                                    const Tensor& rate, const Tensor& prior_alpha,
                                                    const Tensor& prior_rate, bool want_alpha,
                                                    bool want_rate, bool want_prior_alpha,
                                                    bool want_prior_rate) {
  return kl_gamma_torch::backward(
      grad_kl, alpha, rate, prior_alpha, prior_rate, want_alpha, want_rate, want_prior_alpha,
      want_prior_rate, [&](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.grad_kl)>;
        const auto kernel = NTM_FAST_CPU_CALL(kl_gamma_backward<T>);
        parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("kl_gamma(Tensor alpha, Tensor rate, Tensor prior_alpha, Tensor prior_rate) -> Tensor");
  m.def(
      "kl_gamma_backward(Tensor grad_kl, Tensor alpha, Tensor rate, Tensor prior_alpha,"
      " Tensor prior_rate, bool want_alpha, bool want_rate, bool want_prior_alpha,"
      " bool want_prior_rate) -> (Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("kl_gamma", TORCH_BOX(&forward));
  m.impl("kl_gamma_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
