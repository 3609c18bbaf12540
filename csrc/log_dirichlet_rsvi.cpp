#include "log_dirichlet_rsvi_torch.h"

namespace ntm_fast {

namespace {

int64_t rows_per_block(int64_t topics) { return std::max<int64_t>(1, gamma_block / topics); }

struct OnCpu {
  const char* op;
  OnCpu(const char* op, const Tensor&) : op(op) {}

  template <class T>
  void run(const LogDirichletRsvi<T>& args, int64_t rows, const Tensor& alpha) const {
    const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi<T>);
    FirstInvalid invalid;
    parallel_blocks(
        rows, rows_per_block(args.topics),
        sample_ns<T> * (1 + .3 * double(args.boost)) * double(rows * args.topics),
        [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
    invalid.check_none<T>(op, alpha);
  }
  template <class T>
  void run(const LogDirichletRsviBackward<T>& args, int64_t rows) const {
    const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi_backward<T>);
    parallel_blocks(rows, rows_per_block(args.topics), 3. * double(rows * args.topics),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("log_dirichlet_rsvi(Tensor alpha, Tensor seed, int boost) -> (Tensor, Tensor)");
  m.def(
      "log_dirichlet_rsvi_backward(Tensor grad, Tensor log_theta, Tensor slope)"
      " -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("log_dirichlet_rsvi", TORCH_BOX(&log_dirichlet_rsvi_torch::forward<OnCpu>));
  m.impl("log_dirichlet_rsvi_backward", TORCH_BOX(&log_dirichlet_rsvi_torch::backward<OnCpu>));
}

}  // namespace ntm_fast
