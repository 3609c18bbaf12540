#include "dropout_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t elements_per_block = 4096;
constexpr double element_ns = 1;

struct OnCpu {
  OnCpu(const char*, const Tensor&) {}

  template <class T>
  void run(const Dropout<T>& args, int64_t n) const {
    const auto kernel = NTM_FAST_CPU_CALL(dropout<T>);
    parallel_blocks(n, elements_per_block, element_ns * double(n),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("dropout(Tensor x, float p, Tensor seed, int stream) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("dropout", TORCH_BOX(&dropout_torch::forward<OnCpu>));
}

}  // namespace ntm_fast
