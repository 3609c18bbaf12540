#pragma once
// Torch's side of a batch on a CUDA device: sizes and dtypes checked, kept alive for the kernels.

#include <array>
#include <optional>

#include "csr_checks.h"
#include "csr_device.h"
#include "cuda_stream.h"
#include "device_errors.h"

namespace ntm_fast {

template <class T>
class DeviceBatch {
 public:
  // Raises first what kernels have noted since the last call.
  DeviceBatch(const char* op, NotingOp noting, const Tensor& indptr, const Tensor& indices,
              const Tensor& counts, int64_t words, const char* other_name, const Tensor& other)
      : indptr_(indptr), indices_(indices), counts_(counts) {
    raise_device_errors();
    check_csr(op, indptr, indices, counts, words);
    check_same_device(op, "indptr", indptr, other_name, other);
    check_same_device(op, "indices", indices, other_name, other);
    check_same_device(op, "counts", counts, other_name, other);
    const ScalarType type = sizeof(T) == 4 ? ScalarType::Float : ScalarType::Double;
    indptr_ = contiguous(indptr);
    indices_ = contiguous(indices);
    counts_ = contiguous(counts.scalar_type() == type ? counts : torch::stable::to(counts, type));
    view_ = {indptr_.const_data_ptr(),
             indices_.const_data_ptr(),
             data<T>(counts_),
             indptr.size(0) - 1,
             words,
             indices.size(0),
             indptr.scalar_type() == ScalarType::Long,
             indices.scalar_type() == ScalarType::Long,
             device_notes(noting)};
  }
  const DeviceCsr<T>& view() const { return view_; }
  const Tensor& indices() const { return indices_; }
  const Tensor& counts() const { return counts_; }

 private:
  Tensor indptr_, indices_, counts_;
  DeviceCsr<T> view_;
};

// indices.argsort(stable=True). Of indices out of range some become others: the kernels of the
// forward have noted them.
inline Tensor sorted_by_word(const Tensor& indices) {
  using torch::stable::detail::from;
  const Tensor narrow = indices.scalar_type() == ScalarType::Int
                            ? indices
                            : torch::stable::to(indices, ScalarType::Int);
  std::array<StableIValue, 4> stack{from(narrow), from(std::optional<bool>(true)),
                                    from(int64_t{-1}), from(false)};
  STABLE_TORCH_ERROR_CODE_CHECK(
      torch_call_dispatcher("aten::sort", "stable", stack.data(), TORCH_ABI_VERSION));
  torch::stable::detail::to<Tensor>(stack[0]);  // takes over the words, which are read anew
  return torch::stable::detail::to<Tensor>(stack[1]);
}

// The nonzeros of a batch ordered by word: by the order given, or else sorted here.
template <class T>
class DeviceWordOrdered {
 public:
  DeviceWordOrdered(const char* op, const DeviceBatch<T>& batch, const Order& order,
                    const CudaScope& cuda)
      : order_(contiguous(order ? *order : sorted_by_word(batch.indices()))),
        places_(torch::stable::new_empty(order_, {3, order_.size(0)}, ScalarType::Int)) {
    check_same_device(op, "order", order_, "indices", batch.indices());
    const int64_t n = order_.size(0);
    int32_t *const words = mutable_data<int32_t>(places_), *const positions = words + n,
                   *const documents = positions + n;
    check_launch(op, word_order_cuda(batch.view(), data<int64_t>(order_), words, positions,
                                     documents, cuda.stream()));
    view_ = {words, positions, documents, n};
  }
  const DeviceWordOrder& view() const { return view_; }

 private:
  Tensor order_, places_;
  DeviceWordOrder view_;
};

}  // namespace ntm_fast
