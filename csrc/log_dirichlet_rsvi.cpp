#include "log_dirichlet_rsvi_torch.h"

namespace ntm_fast {

namespace {

constexpr auto& op = log_dirichlet_rsvi_torch::op;

int64_t rows_per_block(int64_t topics) { return std::max<int64_t>(1, gamma_block / topics); }

std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed, int64_t boost) {
  return log_dirichlet_rsvi_torch::forward(
      alpha, seed, boost, [](const auto& args, const Tensor& a) {
        using T = std::decay_t<decltype(*args.log_theta)>;
        const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi<T>);
        FirstInvalid invalid;
        const double work = sample_ns<T> * (1 + .3 * double(args.boost)) * double(a.numel());
        parallel_blocks(
            a.size(0), rows_per_block(a.size(1)), work,
            [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
        invalid.check_none<T>(op, a);
      });
}

Tensor backward(const Tensor& grad, const Tensor& log_theta, const Tensor& slope) {
  return log_dirichlet_rsvi_torch::backward(
      grad, log_theta, slope, [](const auto& args, const Tensor& g) {
        using T = std::decay_t<decltype(*args.grad_alpha)>;
        const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi_backward<T>);
        parallel_blocks(g.size(0), rows_per_block(g.size(1)), 3. * double(g.numel()),
                        [&](int64_t first, int64_t last) { kernel(args, first, last); });
      });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_dirichlet_rsvi(Tensor alpha, Tensor seed, int boost) -> (Tensor, Tensor)");
  m.def(
      "log_dirichlet_rsvi_backward(Tensor grad, Tensor log_theta, Tensor slope)"
      " -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_dirichlet_rsvi", TORCH_BOX(&forward));
  m.impl("log_dirichlet_rsvi_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
