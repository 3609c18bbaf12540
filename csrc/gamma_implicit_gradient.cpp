#include "gamma_implicit_gradient.h"

#include "gamma_checks.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "gamma_implicit_gradient";

// (alpha, log_x, of one shape) -> d log x / d alpha
Tensor gamma_implicit_gradient(const Tensor& alpha, const Tensor& log_x) {
  check_same_shape(op, "log_x", log_x, "alpha", alpha);
  check_same_dtype(op, "log_x", log_x, "alpha", alpha);
  const Tensor a = contiguous(alpha), l = contiguous(log_x);
  const Tensor gradient = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const GammaImplicitGradient<T> args{data<T>(a), data<T>(l), nullptr, mutable_data<T>(gradient)};
    const auto kernel = NTM_FAST_CPU_CALL(gamma_implicit_gradient<T>);
    FirstInvalid invalid;
    parallel_blocks(
        a.numel(), gamma_block, gradient_ns<T> * double(a.numel()),
        [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
    invalid.check_none<T>(op, a);
  });
  return gradient;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("gamma_implicit_gradient(Tensor alpha, Tensor log_x) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("gamma_implicit_gradient", TORCH_BOX(&gamma_implicit_gradient));
}

}  // namespace ntm_fast
