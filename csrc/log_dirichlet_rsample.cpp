#include "log_dirichlet_rsample.h"

#include <tuple>
#include <utility>

#include "gamma_checks.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "log_dirichlet_rsample";

int64_t rows_per_block(int64_t topics) { return std::max<int64_t>(1, gamma_block / topics); }

// (alpha [B, K], seed []) -> (log_theta [B, K], log_gamma [B, K])
std::tuple<Tensor, Tensor> log_dirichlet_rsample(const Tensor& alpha, const Tensor& seed) {
  check(alpha.dim() == 2 && alpha.size(1) > 0, op, ": alpha has shape ", shape(alpha),
        ", expected [B, K] with K > 0");
  const uint64_t key = read_seed(op, seed);
  const Tensor a = contiguous(alpha);
  const Tensor log_theta = torch::stable::empty_like(a), log_gamma = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const LogDirichletRsample<T> args{data<T>(a), mutable_data<T>(log_theta),
                                      mutable_data<T>(log_gamma), key, a.size(1)};
    const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsample<T>);
    FirstInvalid invalid;
    const double work = sample_ns<T> * double(a.numel());
    parallel_blocks(a.size(0), rows_per_block(a.size(1)), work, [&](int64_t first, int64_t last) {
      invalid.record(kernel(args, first, last));
    });
    invalid.check_none<T>(op, a);
  });
  return {log_theta, log_gamma};
}

// (gradient of log_theta, alpha, log_theta, log_gamma, all [B, K]) -> gradient of alpha [B, K]
Tensor log_dirichlet_rsample_backward(const Tensor& grad, const Tensor& alpha,
                                      const Tensor& log_theta, const Tensor& log_gamma) {
  check(alpha.dim() == 2 && alpha.size(1) > 0, op, ": alpha has shape ", shape(alpha),
        ", expected [B, K] with K > 0");
  const std::pair<const char*, const Tensor*> others[] = {
      {"grad", &grad}, {"log_theta", &log_theta}, {"log_gamma", &log_gamma}};
  for (const auto& [name, tensor] : others) {
    check_same_shape(op, name, *tensor, "alpha", alpha);
    check_same_dtype(op, name, *tensor, "alpha", alpha);
  }
  const Tensor g = contiguous(grad), a = contiguous(alpha), t = contiguous(log_theta),
               l = contiguous(log_gamma);
  const Tensor grad_alpha = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const LogDirichletRsampleBackward<T> args{
        data<T>(g), data<T>(a), data<T>(t), data<T>(l), mutable_data<T>(grad_alpha), a.size(1)};
    const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsample_backward<T>);
    parallel_blocks(a.size(0), rows_per_block(a.size(1)), gradient_ns<T> * double(a.numel()),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return grad_alpha;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_dirichlet_rsample(Tensor alpha, Tensor seed) -> (Tensor, Tensor)");
  m.def(
      "log_dirichlet_rsample_backward(Tensor grad, Tensor alpha, Tensor log_theta,"
      " Tensor log_gamma) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_dirichlet_rsample", TORCH_BOX(&log_dirichlet_rsample));
  m.impl("log_dirichlet_rsample_backward", TORCH_BOX(&log_dirichlet_rsample_backward));
}

}  // namespace ntm_fast
