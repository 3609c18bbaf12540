#pragma once
// Torch's side of a batch of bags of words, on either device: checked once, converted where needed,
// kept alive for the kernels.

#include <array>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "csr.h"
#include "cuda_device.h"
#include "ops/device.h"

namespace ntm_fast {

inline bool is_integer(const Tensor& tensor) {
  return tensor.scalar_type() == ScalarType::Int || tensor.scalar_type() == ScalarType::Long;
}

bool is_real(const Tensor& tensor);

// None, or where the indices in increasing order stand in the batch, equal ones as they do there.
using Order = std::optional<Tensor>;

// Checks of dtypes and sizes; they throw std::invalid_argument.
void check_csr(const char* op, const Tensor& indptr, const Tensor& indices, const Tensor& counts,
               int64_t words);
void check_order(const char* op, const Order& order, const Tensor& indices);

// Checks a batch and owns what had to be converted: of a Device, in T. Throws std::invalid_argument
// unless
//   indptr   1-D int32 or int64, indptr[0] == 0, non-decreasing, indptr[B] == N
//   indices  1-D int32 or int64 [N], each in [0, words)
//   counts   1-D real [N], each finite and >= 0
// all beside the tensor of the given name, and B, N and words are below 2^31. On Cuda kernels find
// bad values, and note them for noting; what they have noted since the last call is raised first.
template <class Device, class T>
class Batch;

template <class T>
class Batch<Cpu, T> {
 public:
  Batch(const char* op, NotingOp noting, const Tensor& indptr, const Tensor& indices,
        const Tensor& counts, int64_t words, const char* other_name, const Tensor& other);
  const Csr<T>& view() const { return view_; }
  const Tensor& indices() const { return indices_; }

 private:
  Tensor indptr_, indices_, counts_;
  std::unique_ptr<int64_t[]> wide_indptr_;
  std::unique_ptr<int32_t[]> narrow_indices_;
  Csr<T> view_;
};

template <class T>
class Batch<Cuda, T> {
 public:
  Batch(const char* op, NotingOp noting, const Tensor& indptr, const Tensor& indices,
        const Tensor& counts, int64_t words, const char* other_name, const Tensor& other)
      : indptr_(indptr), indices_(indices), counts_(counts) {
    raise_device_errors();
    check_csr(op, indptr, indices, counts, words);
    check_same_device(op, "indptr", indptr, other_name, other);
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
  const CudaCsr<T>& view() const { return view_; }
  const Tensor& indices() const { return indices_; }
  const Tensor& counts() const { return counts_; }

 private:
  Tensor indptr_, indices_, counts_;
  CudaCsr<T> view_;
};

// Its batch as the kernels see it: Csr<T> or CudaCsr<T>.
template <class Device, class T>
using View = std::decay_t<decltype(std::declval<Batch<Device, T>>().view())>;

// Where the nonzeros stand in the order of their words, and within a word as they stand in the
// batch: indices.argsort(stable=True), int64 [N]. On the CPU a radix sort, O(N log words).
template <class T>
Tensor sorted_by_word(const Batch<Cpu, T>& batch);

// Narrowing changes some indices out of range; the kernels of the forward have noted those.
template <class T>
Tensor sorted_by_word(const Batch<Cuda, T>& batch) {
  using torch::stable::detail::from;
  const Tensor& indices = batch.indices();
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

// The nonzeros of a batch ordered by word: by the order given, or else sorted here. What is given
// and is not the order of this batch is refused on the CPU, and noted by the kernels on Cuda.
template <class Device, class T>
class ByWord;

template <class T>
class ByWord<Cpu, T> {
 public:
  ByWord(const char* op, const Cpu&, const Batch<Cpu, T>& batch, const Order& order);
  const WordOrder<T>& view() const { return view_; }

 private:
  std::unique_ptr<int32_t[]> words_, documents_, distinct_, positions_;
  std::unique_ptr<int64_t[]> starts_;
  std::unique_ptr<T[]> counts_;
  WordOrder<T> view_;
};

template <class T>
class ByWord<Cuda, T> {
 public:
  ByWord(const char* op, const Cuda& cuda, const Batch<Cuda, T>& batch, const Order& order)
      : order_(contiguous(order ? *order : sorted_by_word(batch))),
        places_(torch::stable::new_empty(order_, {3, order_.size(0)}, ScalarType::Int)) {
    check_same_device(op, "order", order_, "indices", batch.indices());
    const int64_t n = order_.size(0);
    int32_t *const words = mutable_data<int32_t>(places_), *const positions = words + n,
                   *const documents = positions + n;
    cuda.check_launch(word_order_cuda(batch.view(), data<int64_t>(order_), words, positions,
                                      documents, cuda.stream()));
    view_ = {words, positions, documents, n};
  }
  const CudaWordOrder& view() const { return view_; }

 private:
  Tensor order_, places_;
  CudaWordOrder view_;
};

// sums [words, width] of rows [documents, width] times coefficients [nonzeros] (WordSums).
template <class T>
void sum_by_word(const Cuda& cuda, const ByWord<Cuda, T>& ordered, const Tensor& coefficients,
                 bool are_counts, const Tensor& rows, const Tensor& sums) {
  const int64_t words = sums.size(0), width = sums.size(1);
  const int64_t chunks = (ordered.view().nonzeros + places_per_chunk - 1) / places_per_chunk;
  const Tensor partials = torch::stable::new_empty(rows, {chunks, 2, width});
  const WordSums<T> args{
      ordered.view(),        data<T>(coefficients),     are_counts, data<T>(rows),
      mutable_data<T>(sums), mutable_data<T>(partials), words,      width};
  cuda.check_launch(word_sums_cuda(args, cuda.stream()));
}

extern template class Batch<Cpu, float>;
extern template class Batch<Cpu, double>;
extern template class ByWord<Cpu, float>;
extern template class ByWord<Cpu, double>;
extern template Tensor sorted_by_word(const Batch<Cpu, float>&);
extern template Tensor sorted_by_word(const Batch<Cpu, double>&);

}  // namespace ntm_fast
