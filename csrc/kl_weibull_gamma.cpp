#include "check_values.h"
#include "kl_weibull_gamma_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 8;
constexpr auto& names = kl_weibull_gamma_torch::names;

Tensor forward(const Tensor& shape, const Tensor& scale, const Tensor& prior_alpha,
               const Tensor& prior_rate) {
  const kl_rows_torch::Arguments given{shape, scale, prior_alpha, prior_rate};
  return kl_weibull_gamma_torch::forward(given, [&](const auto& args, int64_t rows) {
    using T = std::decay_t<decltype(*args.kl)>;
    const GammaRows<T>* const rows_of[] = {&args.shape, &args.scale, &args.prior_alpha,
                                           &args.prior_rate};
    for (int i = 0; i < 4; ++i) {
      check_positive(names.op, names.arguments[i], given[i], rows_of[i]->data);
    }
    const auto kernel = NTM_FAST_CPU_CALL(kl_weibull_gamma<T>);
    parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
}

kl_rows_torch::Gradients backward(const Tensor& grad_kl, const Tensor& shape, const Tensor& scale,
                                  const Tensor& prior_alpha, const Tensor& prior_rate,
                                  bool want_shape, bool want_scale, bool want_prior_alpha,
                                  bool want_prior_rate) {
  return kl_weibull_gamma_torch::backward(
      grad_kl, {shape, scale, prior_alpha, prior_rate},
      {want_shape, want_scale, want_prior_alpha, want_prior_rate},
      [&](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.grad_kl)>;
        const auto kernel = NTM_FAST_CPU_CALL(kl_weibull_gamma_backward<T>);
        parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "kl_weibull_gamma(Tensor shape, Tensor scale, Tensor prior_alpha, Tensor prior_rate)"
      " -> Tensor");
  m.def(
      "kl_weibull_gamma_backward(Tensor grad_kl, Tensor shape, Tensor scale, Tensor prior_alpha,"
      " Tensor prior_rate, bool want_shape, bool want_scale, bool want_prior_alpha,"
      " bool want_prior_rate) -> (Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("kl_weibull_gamma", TORCH_BOX(&forward));
  m.impl("kl_weibull_gamma_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
