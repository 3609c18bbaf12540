#include "dropout.h"

#include "ops/draws.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "dropout";
constexpr int64_t elements_per_block = 4096;
constexpr double element_ns = 1;

template <class T>
void run(const Cpu&, const Dropout<T>& args, int64_t n) {
  const auto kernel = NTM_FAST_CPU_CALL(dropout<T>);
  parallel_blocks(n, elements_per_block, element_ns * double(n),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

// (x, seed []) -> x with each element zeroed with probability p, the others divided by 1 - p
template <class Device>
Tensor forward(const Tensor& x, double p, const Tensor& seed, int64_t stream) {
  check(p >= 0 && p < 1, op, ": p is ", p, ", expected 0 <= p < 1");
  check(stream >= 0 && stream <= std::numeric_limits<uint32_t>::max(), op, ": stream is ", stream,
        ", expected 0 <= stream < 2^32");
  const Seed key = seed_beside(op, seed, "x", x);
  const Device device(op, x);
  const Tensor from = contiguous(x), to = torch::stable::empty_like(from);
  dispatch_floating(op, "x", x, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        Dropout<T>{data<T>(from), mutable_data<T>(to), uint32_t(p * 0x1p32), T(1 / (1 - p)),
                   key.number, key.place, uint64_t(stream)},
        x.numel());
  });
  return to;
}

}  // namespace

NTM_FAST_SCHEMAS(m) { m.def("dropout(Tensor x, float p, Tensor seed, int stream) -> Tensor"); }

NTM_FAST_KERNELS(m) { m.impl("dropout", TORCH_BOX(&forward<Device>)); }

}  // namespace ntm_fast
