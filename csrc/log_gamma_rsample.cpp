#include "log_gamma_rsample.h"

#include "gamma_checks.h"
#include "gamma_implicit_gradient.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "log_gamma_rsample";

// (alpha, seed []) -> log of draws, of alpha's shape
Tensor log_gamma_rsample(const Tensor& alpha, const Tensor& seed) {
  const uint64_t key = read_seed(op, seed);
  const Tensor a = contiguous(alpha);
  const Tensor log_gamma = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const LogGammaRsample<T> args{data<T>(a), mutable_data<T>(log_gamma), key};
    const auto kernel = NTM_FAST_CPU_CALL(log_gamma_rsample<T>);
    FirstInvalid invalid;
    parallel_blocks(
        a.numel(), gamma_block, sample_ns<T> * double(a.numel()),
        [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
    invalid.check_none<T>(op, a);
  });
  return log_gamma;
}

// (gradient of log_gamma, alpha, log_gamma, of one shape) -> gradient of alpha
Tensor log_gamma_rsample_backward(const Tensor& grad, const Tensor& alpha,
                                  const Tensor& log_gamma) {
  for (const auto& [name, tensor] : {std::pair{"grad", &grad}, {"log_gamma", &log_gamma}}) {
    check_same_shape(op, name, *tensor, "alpha", alpha);
    check_same_dtype(op, name, *tensor, "alpha", alpha);
  }
  const Tensor g = contiguous(grad), a = contiguous(alpha), l = contiguous(log_gamma);
  const Tensor grad_alpha = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const GammaImplicitGradient<T> args{data<T>(a), data<T>(l), data<T>(g),
                                        mutable_data<T>(grad_alpha)};
    const auto kernel = NTM_FAST_CPU_CALL(gamma_implicit_gradient<T>);
    parallel_blocks(a.numel(), gamma_block, gradient_ns<T> * double(a.numel()),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return grad_alpha;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_gamma_rsample(Tensor alpha, Tensor seed) -> Tensor");
  m.def("log_gamma_rsample_backward(Tensor grad, Tensor alpha, Tensor log_gamma) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_gamma_rsample", TORCH_BOX(&log_gamma_rsample));
  m.impl("log_gamma_rsample_backward", TORCH_BOX(&log_gamma_rsample_backward));
}

}  // namespace ntm_fast
