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

// The nonzeros of a batch ordered by word, and the document of each.
template <class T>
class DeviceWordOrdered {
 public:
  DeviceWordOrdered(const char* op, const DeviceBatch<T>& batch, const CudaScope& cuda)
      : sorted_(narrow(batch.indices())),
        documents_(torch::stable::new_empty(sorted_.words, {sorted_.words.size(0)})) {
    check_launch(
        op, nonzero_documents_cuda(batch.view(), mutable_data<int32_t>(documents_), cuda.stream()));
    view_ = {data<int32_t>(sorted_.words), data<int64_t>(sorted_.positions),
             data<int32_t>(documents_), batch.view().nonzeros};
  }
  const DeviceWordOrder& view() const { return view_; }

 private:
  // Of indices out of range some become others: the kernels of the forward have noted them.
  static Tensor narrow(const Tensor& indices) {
    return indices.scalar_type() == ScalarType::Int ? indices
                                                    : torch::stable::to(indices, ScalarType::Int);
  }
  SortedIndices sorted_;
  Tensor documents_;
  DeviceWordOrder view_;
};

}  // namespace ntm_fast
