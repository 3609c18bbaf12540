#include "kl_normal_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 2;

Tensor forward(const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
               const Tensor& prior_log_variance) {
  return kl_normal_torch::forward(
      mean, log_variance, prior_mean, prior_log_variance, [&](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.kl)>;
        const auto kernel = NTM_FAST_CPU_CALL(kl_normal<T>);
        parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

std::tuple<Tensor, Tensor, Tensor, Tensor> backward(
    const Tensor& grad_kl, const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
    const Tensor& prior_log_variance, bool want_mean, bool want_log_variance, bool want_prior_mean,
    bool want_prior_log_variance) {
  return kl_normal_torch::backward(
      grad_kl, mean, log_variance, prior_mean, prior_log_variance, want_mean, want_log_variance,
      want_prior_mean, want_prior_log_variance, [&](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.grad_kl)>;
        const auto kernel = NTM_FAST_CPU_CALL(kl_normal_backward<T>);
        parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "kl_normal(Tensor mean, Tensor log_variance, Tensor prior_mean, Tensor prior_log_variance)"
      " -> Tensor");
  m.def(
      "kl_normal_backward(Tensor grad_kl, Tensor mean, Tensor log_variance, Tensor prior_mean,"
      " Tensor prior_log_variance, bool want_mean, bool want_log_variance, bool want_prior_mean,"
      " bool want_prior_log_variance) -> (Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("kl_normal", TORCH_BOX(&forward));
  m.impl("kl_normal_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
