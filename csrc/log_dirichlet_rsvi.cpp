#include "log_dirichlet_rsvi.h"

#include <tuple>
#include <utility>

#include "gamma_checks.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "log_dirichlet_rsvi";

int64_t rows_per_block(int64_t topics) { return std::max<int64_t>(1, gamma_block / topics); }

// (alpha [B, K], seed [], boost) -> (log_theta [B, K], d log_gamma / d alpha [B, K])
std::tuple<Tensor, Tensor> log_dirichlet_rsvi(const Tensor& alpha, const Tensor& seed,
                                              int64_t boost) {
  check(alpha.dim() == 2 && alpha.size(1) > 0, op, ": alpha has shape ", shape(alpha),
        ", expected [B, K] with K > 0");
  check(boost >= 1, op, ": boost is ", boost, ", expected >= 1");
  const uint64_t key = read_seed(op, seed);
  const Tensor a = contiguous(alpha);
  const Tensor log_theta = torch::stable::empty_like(a), slope = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const LogDirichletRsvi<T> args{
        data<T>(a), mutable_data<T>(log_theta), mutable_data<T>(slope), key, boost, a.size(1)};
    const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi<T>);
    FirstInvalid invalid;
    const double work = sample_ns<T> * (1 + .3 * double(boost)) * double(a.numel());
    parallel_blocks(a.size(0), rows_per_block(a.size(1)), work, [&](int64_t first, int64_t last) {
      invalid.record(kernel(args, first, last));
    });
    invalid.check_none<T>(op, a);
  });
  return {log_theta, slope};
}

// (gradient of log_theta, log_theta, slope, all [B, K]) -> gradient of alpha [B, K]
Tensor log_dirichlet_rsvi_backward(const Tensor& grad, const Tensor& log_theta,
                                   const Tensor& slope) {
  check(grad.dim() == 2 && grad.size(1) > 0, op, ": grad has shape ", shape(grad),
        ", expected [B, K] with K > 0");
  const std::pair<const char*, const Tensor*> others[] = {{"log_theta", &log_theta},
                                                          {"slope", &slope}};
  for (const auto& [name, tensor] : others) {
    check_same_shape(op, name, *tensor, "grad", grad);
    check_same_dtype(op, name, *tensor, "grad", grad);
  }
  const Tensor g = contiguous(grad), t = contiguous(log_theta), s = contiguous(slope);
  const Tensor grad_alpha = torch::stable::empty_like(g);
  dispatch_floating(op, "grad", grad, [&](auto zero) {
    using T = decltype(zero);
    const LogDirichletRsviBackward<T> args{data<T>(g), data<T>(t), data<T>(s),
                                           mutable_data<T>(grad_alpha), g.size(1)};
    const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi_backward<T>);
    parallel_blocks(g.size(0), rows_per_block(g.size(1)), 3. * double(g.numel()),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return grad_alpha;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_dirichlet_rsvi(Tensor alpha, Tensor seed, int boost) -> (Tensor, Tensor)");
  m.def(
      "log_dirichlet_rsvi_backward(Tensor grad, Tensor log_theta, Tensor slope)"
      " -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_dirichlet_rsvi", TORCH_BOX(&log_dirichlet_rsvi));
  m.impl("log_dirichlet_rsvi_backward", TORCH_BOX(&log_dirichlet_rsvi_backward));
}

}  // namespace ntm_fast
