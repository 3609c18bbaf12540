#include "log_gamma_rsample_torch.h"

namespace ntm_fast {

namespace {

struct OnCpu {
  const char* op;
  OnCpu(const char* op, const Tensor&) : op(op) {}

  template <class T>
  void run(const LogGammaRsample<T>& args, int64_t n, const Tensor& alpha) const {
    const auto kernel = NTM_FAST_CPU_CALL(log_gamma_rsample<T>);
    FirstInvalid invalid;
    parallel_blocks(n, gamma_block, sample_ns<T> * double(n), [&](int64_t first, int64_t last) {
      invalid.record(kernel(args, first, last));
    });
    invalid.check_none<T>(op, alpha);
  }
  template <class T>
  void run(const GammaImplicitGradient<T>& args, int64_t n) const {
    const auto kernel = NTM_FAST_CPU_CALL(gamma_implicit_gradient<T>);
    parallel_blocks(n, gamma_block, gradient_ns<T> * double(n),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_gamma_rsample(Tensor alpha, Tensor seed) -> Tensor");
  m.def("log_gamma_rsample_backward(Tensor grad, Tensor alpha, Tensor log_gamma) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_gamma_rsample", TORCH_BOX(&log_gamma_rsample_torch::forward<OnCpu>));
  m.impl("log_gamma_rsample_backward", TORCH_BOX(&log_gamma_rsample_torch::backward<OnCpu>));
}

}  // namespace ntm_fast
