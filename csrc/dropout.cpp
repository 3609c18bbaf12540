#include "dropout.h"

#include "gamma_checks.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "dropout";
constexpr int64_t elements_per_block = 4096;
constexpr double element_ns = 1;

// (x, seed []) -> x with each element zeroed with probability p, the others divided by 1 - p
Tensor dropout(const Tensor& x, double p, const Tensor& seed, int64_t stream) {
  check(p >= 0 && p < 1, op, ": p is ", p, ", expected 0 <= p < 1");
  check(stream >= 0 && stream <= std::numeric_limits<uint32_t>::max(), op, ": stream is ", stream,
        ", expected 0 <= stream < 2^32");
  const uint64_t key = read_seed(op, seed);
  const Tensor from = contiguous(x), to = torch::stable::empty_like(from);
  const int64_t n = x.numel();
  dispatch_floating(op, "x", x, [&](auto zero) {
    using T = decltype(zero);
    const Dropout<T> args{data<T>(from), mutable_data<T>(to), p, key, uint64_t(stream)};
    const auto kernel = NTM_FAST_CPU_CALL(dropout<T>);
    parallel_blocks(n, elements_per_block, element_ns * double(n),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return to;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("dropout(Tensor x, float p, Tensor seed, int stream) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { m.impl("dropout", TORCH_BOX(&dropout)); }

}  // namespace ntm_fast
