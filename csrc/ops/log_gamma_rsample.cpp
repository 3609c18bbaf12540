#include "log_gamma_rsample.h"

#include <utility>

#include "gamma_implicit_gradient.h"
#include "ops/draws.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "log_gamma_rsample";

template <class T>
void run(const Cpu&, const LogGammaRsample<T>& args, int64_t n, const Tensor& alpha) {
  const auto kernel = NTM_FAST_CPU_CALL(log_gamma_rsample<T>);
  FirstInvalid invalid;
  parallel_blocks(n, gamma_block, sample_ns<T> * double(n),
                  [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
  invalid.check_none<T>(op, alpha);
}

template <class T>
void run(const Cpu&, const GammaImplicitGradient<T>& args, int64_t n) {
  const auto kernel = NTM_FAST_CPU_CALL(gamma_implicit_gradient<T>);
  parallel_blocks(n, gamma_block, gradient_ns<T> * double(n),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

// (alpha, seed []) -> log of draws, of alpha's shape
template <class Device>
Tensor forward(const Tensor& alpha, const Tensor& seed) {
  const Seed key = seed_beside(op, seed, "alpha", alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha);
  const Tensor log_gamma = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    run(device, LogGammaRsample<T>{data<T>(a), mutable_data<T>(log_gamma), key.number, key.place},
        a.numel(), a);
  });
  return log_gamma;
}

// (gradient of log_gamma, alpha, log_gamma, of one shape) -> gradient of alpha
template <class Device>
Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_gamma) {
  for (const auto& [name, tensor] : {std::pair{"grad", &grad}, {"log_gamma", &log_gamma}}) {
    check_same_shape(op, name, *tensor, "alpha", alpha);
    check_same_dtype(op, name, *tensor, "alpha", alpha);
  }
  const Device device(op, alpha);
  const Tensor g = contiguous(grad), a = contiguous(alpha), l = contiguous(log_gamma);
  const Tensor grad_alpha = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        GammaImplicitGradient<T>{data<T>(a), data<T>(l), data<T>(g), mutable_data<T>(grad_alpha)},
        a.numel());
  });
  return grad_alpha;
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def("log_gamma_rsample(Tensor alpha, Tensor seed) -> Tensor");
  m.def("log_gamma_rsample_backward(Tensor grad, Tensor alpha, Tensor log_gamma) -> Tensor");
}

NTM_FAST_KERNELS(m) {
  m.impl("log_gamma_rsample", TORCH_BOX(&forward<Device>));
  m.impl("log_gamma_rsample_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
