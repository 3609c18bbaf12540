#pragma once
// Torch's side of dropout on any device: device.run(args, n) is the kernel, on all elements.

#include "dropout.h"
#include "gamma_checks.h"

namespace ntm_fast {
namespace dropout_torch {

// (x, seed []) -> x with each element zeroed with probability p, the others divided by 1 - p
template <class Device>
Tensor forward(const Tensor& x, double p, const Tensor& seed, int64_t stream) {
  constexpr char op[] = "dropout";
  check(p >= 0 && p < 1, op, ": p is ", p, ", expected 0 <= p < 1");
  check(stream >= 0 && stream <= std::numeric_limits<uint32_t>::max(), op, ": stream is ", stream,
        ", expected 0 <= stream < 2^32");
  const Seed key = seed_beside(op, seed, x);
  const Device device(op, x);
  const Tensor from = contiguous(x), to = torch::stable::empty_like(from);
  dispatch_floating(op, "x", x, [&](auto zero) {
    using T = decltype(zero);
    device.run(Dropout<T>{data<T>(from), mutable_data<T>(to), uint32_t(p * 0x1p32), T(1 / (1 - p)),
                          key.number, key.place, uint64_t(stream)},
               x.numel());
  });
  return to;
}

}  // namespace dropout_torch
}  // namespace ntm_fast
