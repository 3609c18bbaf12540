#include "log_gamma_rsample_torch.h"

namespace ntm_fast {

namespace {

constexpr auto& op = log_gamma_rsample_torch::op;

Tensor forward(const Tensor& alpha, const Tensor& seed) {
  return log_gamma_rsample_torch::forward(alpha, seed, [](const auto& args, const Tensor& a) {
    using T = std::decay_t<decltype(*args.log_gamma)>;
    const auto kernel = NTM_FAST_CPU_CALL(log_gamma_rsample<T>);
    FirstInvalid invalid;
    parallel_blocks(
        a.numel(), gamma_block, sample_ns<T> * double(a.numel()),
        [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
    invalid.check_none<T>(op, a);
  });
}

Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_gamma) {
  return log_gamma_rsample_torch::backward(
      grad, alpha, log_gamma, [](const auto& args, const Tensor& a) {
        using T = std::decay_t<decltype(*args.gradient)>;
        const auto kernel = NTM_FAST_CPU_CALL(gamma_implicit_gradient<T>);
        parallel_blocks(a.numel(), gamma_block, gradient_ns<T> * double(a.numel()),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_gamma_rsample(Tensor alpha, Tensor seed) -> Tensor");
  m.def("log_gamma_rsample_backward(Tensor grad, Tensor alpha, Tensor log_gamma) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_gamma_rsample", TORCH_BOX(&forward));
  m.impl("log_gamma_rsample_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
