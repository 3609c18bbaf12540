#include "logistic_normal_rsample_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t rows_per_block = 32;
constexpr double element_ns = 5, backward_element_ns = 1;

std::tuple<Tensor, Tensor> forward(const Tensor& mean, const Tensor& log_variance,
                                   const Tensor& seed) {
  return logistic_normal_rsample_torch::forward(
      mean, log_variance, seed, [](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.theta)>;
        const auto kernel = NTM_FAST_CPU_CALL(logistic_normal_rsample<T>);
        parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad_theta, const Tensor& theta,
                                    const Tensor& half_deviation) {
  return logistic_normal_rsample_torch::backward(
      grad_theta, theta, half_deviation, [](const auto& args, int64_t rows) {
        using T = std::decay_t<decltype(*args.grad_mean)>;
        const auto kernel = NTM_FAST_CPU_CALL(logistic_normal_rsample_backward<T>);
        parallel_blocks(rows, rows_per_block, backward_element_ns * double(rows * args.topics),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "logistic_normal_rsample(Tensor mean, Tensor log_variance, Tensor seed)"
      " -> (Tensor, Tensor)");
  m.def(
      "logistic_normal_rsample_backward(Tensor grad_theta, Tensor theta, Tensor half_deviation)"
      " -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("logistic_normal_rsample", TORCH_BOX(&forward));
  m.impl("logistic_normal_rsample_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
