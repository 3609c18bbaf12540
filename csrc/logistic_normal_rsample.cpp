#include "logistic_normal_rsample_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t rows_per_block = 32;
constexpr double element_ns = 5, backward_element_ns = 1;

struct OnCpu {
  OnCpu(const char*, const Tensor&) {}

  template <class T>
  void run(const LogisticNormalRsample<T>& args, int64_t rows) const {
    const auto kernel = NTM_FAST_CPU_CALL(logistic_normal_rsample<T>);
    parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  }
  template <class T>
  void run(const LogisticNormalRsampleBackward<T>& args, int64_t rows) const {
    const auto kernel = NTM_FAST_CPU_CALL(logistic_normal_rsample_backward<T>);
    parallel_blocks(rows, rows_per_block, backward_element_ns * double(rows * args.topics),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "logistic_normal_rsample(Tensor mean, Tensor log_variance, Tensor seed)"
      " -> (Tensor, Tensor)");
  m.def(
      "logistic_normal_rsample_backward(Tensor grad_theta, Tensor theta, Tensor half_deviation)"
      " -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("logistic_normal_rsample", TORCH_BOX(&logistic_normal_rsample_torch::forward<OnCpu>));
  m.impl("logistic_normal_rsample_backward",
         TORCH_BOX(&logistic_normal_rsample_torch::backward<OnCpu>));
}

}  // namespace ntm_fast
