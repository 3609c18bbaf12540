#pragma once
// Torch's side of a CSR batch: checked once, converted where needed, kept alive for the kernels.

#include <algorithm>
#include <memory>

#include "csr_checks.h"
#include "csr_view.h"
#include "tensors.h"

namespace ntm_fast {

// Checks a batch and owns what had to be converted. Throws std::invalid_argument unless
//   indptr   1-D int32 or int64, indptr[0] == 0, non-decreasing, indptr[B] == N
//   indices  1-D int32 or int64 [N], each in [0, words)
//   counts   1-D real [N], each finite and >= 0
// and B, N and words are below 2^31.
template <class T>
class CsrBatch {
 public:
  CsrBatch(const char* op, const Tensor& indptr, const Tensor& indices, const Tensor& counts,
           int64_t words);
  const Csr<T>& view() const { return view_; }

 private:
  Tensor indptr_, indices_, counts_;
  std::unique_ptr<int64_t[]> wide_indptr_;
  std::unique_ptr<int32_t[]> narrow_indices_;
  Csr<T> view_;
};

// Orders the nonzeros of a batch by word: a stable radix sort, O(N log words) whatever the words,
// done once for calls in a row with the same indices.
template <class T>
class WordOrdered {
 public:
  explicit WordOrdered(const Csr<T>& batch);
  const WordOrder<T>& view() const { return view_; }

 private:
  bool read(const Csr<T>& batch);

  std::unique_ptr<int32_t[]> words_, documents_, distinct_;
  std::shared_ptr<int32_t[]> positions_;
  std::unique_ptr<int64_t[]> starts_;
  std::unique_ptr<T[]> counts_;
  WordOrder<T> view_;
};

extern template class CsrBatch<float>;
extern template class CsrBatch<double>;
extern template class WordOrdered<float>;
extern template class WordOrdered<double>;

}  // namespace ntm_fast
