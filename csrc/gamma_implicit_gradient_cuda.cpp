#include "cuda_stream.h"
#include "gamma_implicit_gradient.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "gamma_implicit_gradient";

// (alpha, log_x, of one shape) -> d log x / d alpha; NaN where alpha is not positive and finite
Tensor gamma_implicit_gradient(const Tensor& alpha, const Tensor& log_x) {
  check_same_shape(op, "log_x", log_x, "alpha", alpha);
  check_same_dtype(op, "log_x", log_x, "alpha", alpha);
  const Tensor a = contiguous(alpha), l = contiguous(log_x);
  const Tensor gradient = torch::stable::empty_like(a);
  const CudaScope cuda(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    const GammaImplicitGradient<T> args{data<T>(a), data<T>(l), nullptr, mutable_data<T>(gradient)};
    check_launch(op, gamma_implicit_gradient_cuda(args, a.numel(), cuda.stream()));
  });
  return gradient;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("gamma_implicit_gradient", TORCH_BOX(&gamma_implicit_gradient));
}

}  // namespace ntm_fast
