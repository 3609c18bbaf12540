#pragma once
// Torch's side of a CSR batch on a CUDA device: sizes and dtypes checked, converted where needed,
// kept alive for the kernels. Its values are not read here, since that would wait for the device.

#include <array>

#include "csr_checks.h"

namespace ntm_fast {

struct CudaCsr {
  Tensor indptr;   // int64 [B + 1]
  Tensor indices;  // int32 [N]
  Tensor counts;   // [N], of the type asked for

  CudaCsr(const char* op, const Tensor& p, const Tensor& i, const Tensor& c, int64_t words,
          ScalarType type)
      : indptr(p), indices(i), counts(c) {
    check_csr(op, p, i, c, words);
    indptr = converted(p, ScalarType::Long);
    indices = converted(i, ScalarType::Int);
    counts = converted(c, type);
  }

 private:
  static Tensor converted(const Tensor& tensor, ScalarType type) {
    return contiguous(tensor.scalar_type() == type ? tensor : torch::stable::to(tensor, type));
  }
};

// The indices in increasing order and, as they stand in the batch, where each of them came from.
struct SortedIndices {
  Tensor words;      // int32 [N]
  Tensor positions;  // int64 [N]

  explicit SortedIndices(const Tensor& indices) : words(indices), positions(indices) {
    using torch::stable::detail::from;
    std::array<StableIValue, 4> stack{from(indices), from(std::optional<bool>(true)),
                                      from(int64_t{-1}), from(false)};
    STABLE_TORCH_ERROR_CODE_CHECK(
        torch_call_dispatcher("aten::sort", "stable", stack.data(), TORCH_ABI_VERSION));
    words = torch::stable::detail::to<Tensor>(stack[0]);
    positions = torch::stable::detail::to<Tensor>(stack[1]);
  }
};

}  // namespace ntm_fast
