#include "gamma_implicit_gradient_torch.h"

namespace ntm_fast {

namespace {

struct OnCpu {
  const char* op;
  OnCpu(const char* op, const Tensor&) : op(op) {}

  template <class T>
  void run(const GammaImplicitGradient<T>& args, int64_t n, const Tensor& alpha) const {
    const auto kernel = NTM_FAST_CPU_CALL(gamma_implicit_gradient<T>);
    FirstInvalid invalid;
    parallel_blocks(n, gamma_block, gradient_ns<T> * double(n), [&](int64_t first, int64_t last) {
      invalid.record(kernel(args, first, last));
    });
    invalid.check_none<T>(op, alpha);
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("gamma_implicit_gradient(Tensor alpha, Tensor log_x) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("gamma_implicit_gradient", TORCH_BOX(&gamma_implicit_gradient_torch::forward<OnCpu>));
}

}  // namespace ntm_fast
