#include "gamma_implicit_gradient.h"

#include "ops/draws.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "gamma_implicit_gradient";

template <class T>
void run(const Cpu&, const GammaImplicitGradient<T>& args, int64_t n, const Tensor& alpha) {
  const auto kernel = NTM_FAST_CPU_CALL(gamma_implicit_gradient<T>);
  FirstInvalid invalid;
  parallel_blocks(n, gamma_block, gradient_ns<T> * double(n),
                  [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
  invalid.check_none<T>(op, alpha);
}

// (alpha, log_x, of one shape) -> d log x / d alpha
template <class Device>
Tensor forward(const Tensor& alpha, const Tensor& log_x) {
  check_same_shape(op, "log_x", log_x, "alpha", alpha);
  check_same_dtype(op, "log_x", log_x, "alpha", alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha), l = contiguous(log_x);
  const Tensor gradient = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        GammaImplicitGradient<T>{data<T>(a), data<T>(l), nullptr, mutable_data<T>(gradient)},
        a.numel(), a);
  });
  return gradient;
}

}  // namespace

NTM_FAST_SCHEMAS(m) { m.def("gamma_implicit_gradient(Tensor alpha, Tensor log_x) -> Tensor"); }

NTM_FAST_KERNELS(m) { m.impl("gamma_implicit_gradient", TORCH_BOX(&forward<Device>)); }

}  // namespace ntm_fast
