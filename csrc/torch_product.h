#pragma once
// Matrix products by torch, where its own are the best there are.

#include <array>

#include "tensors.h"

namespace ntm_fast {

// to = a b, in the precision that torch is set to, and in to's dtype under autocast too.
inline void multiply(const Tensor& a, const Tensor& b, const Tensor& to) {
  using torch::stable::detail::from;
  std::array<StableIValue, 3> stack{from(a), from(b), from(to)};
  STABLE_TORCH_ERROR_CODE_CHECK(
      torch_call_dispatcher("aten::mm", "out", stack.data(), TORCH_ABI_VERSION));
  torch::stable::detail::to<Tensor>(stack[0]);  // takes over what was returned
}

}  // namespace ntm_fast
