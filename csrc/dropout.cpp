#include "dropout_torch.h"

namespace ntm_fast {

namespace {

constexpr int64_t elements_per_block = 4096;
constexpr double element_ns = 1;

Tensor dropout(const Tensor& x, double p, const Tensor& seed, int64_t stream) {
  return dropout_torch::forward(x, p, seed, stream, [](const auto& args, int64_t n) {
    using T = std::decay_t<decltype(*args.to)>;
    const auto kernel = NTM_FAST_CPU_CALL(dropout<T>);
    parallel_blocks(n, elements_per_block, element_ns * double(n),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("dropout(Tensor x, float p, Tensor seed, int stream) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { m.impl("dropout", TORCH_BOX(&dropout)); }

}  // namespace ntm_fast
