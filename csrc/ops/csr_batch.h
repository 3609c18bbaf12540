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
  const Tensor& indices() const { return indices_; }

 private:
  Tensor indptr_, indices_, counts_;
  std::unique_ptr<int64_t[]> wide_indptr_;
  std::unique_ptr<int32_t[]> narrow_indices_;
  Csr<T> view_;
};

// Where the nonzeros stand in the order of their words, and within a word as they stand in the
// batch, int64 [N]: a stable radix sort, O(N log words).
Tensor sorted_by_word(const Tensor& like, const int32_t* indices, int64_t nonzeros, int64_t words);

// The nonzeros of a batch ordered by word: by the order given, or else sorted here. Throws
// std::invalid_argument if what is given is not the order of this batch.
template <class T>
class WordOrdered {
 public:
  WordOrdered(const char* op, const CsrBatch<T>& batch, const Order& order);
  const WordOrder<T>& view() const { return view_; }
  const Tensor& order() const { return order_; }

 private:
  Tensor order_;
  std::unique_ptr<int32_t[]> words_, documents_, distinct_, positions_;
  std::unique_ptr<int64_t[]> starts_;
  std::unique_ptr<T[]> counts_;
  WordOrder<T> view_;
};

extern template class CsrBatch<float>;
extern template class CsrBatch<double>;
extern template class WordOrdered<float>;
extern template class WordOrdered<double>;

}  // namespace ntm_fast
