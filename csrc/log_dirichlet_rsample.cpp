#include "log_dirichlet_rsample_torch.h"

namespace ntm_fast {

namespace {

constexpr auto& op = log_dirichlet_rsample_torch::op;

int64_t rows_per_block(int64_t topics) { return std::max<int64_t>(1, gamma_block / topics); }

std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed) {
  return log_dirichlet_rsample_torch::forward(alpha, seed, [](const auto& args, const Tensor& a) {
    using T = std::decay_t<decltype(*args.log_theta)>;
    const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsample<T>);
    FirstInvalid invalid;
    const double work = sample_ns<T> * double(a.numel());
    parallel_blocks(a.size(0), rows_per_block(a.size(1)), work, [&](int64_t first, int64_t last) {
      invalid.record(kernel(args, first, last));
    });
    invalid.check_none<T>(op, a);
  });
}

Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_theta,
                const Tensor& log_gamma) {
  return log_dirichlet_rsample_torch::backward(
      grad, alpha, log_theta, log_gamma, [](const auto& args, const Tensor& a) {
        using T = std::decay_t<decltype(*args.grad_alpha)>;
        const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsample_backward<T>);
        parallel_blocks(a.size(0), rows_per_block(a.size(1)), gradient_ns<T> * double(a.numel()),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_dirichlet_rsample(Tensor alpha, Tensor seed) -> (Tensor, Tensor)");
  m.def(
      "log_dirichlet_rsample_backward(Tensor grad, Tensor alpha, Tensor log_theta,"
      " Tensor log_gamma) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_dirichlet_rsample", TORCH_BOX(&forward));
  m.impl("log_dirichlet_rsample_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
