#pragma once
#include "csr_device.h"

namespace ntm_fast {

constexpr int64_t places_per_chunk = 64;

// sums[v] = sum over the nonzeros of word v of coefficient * rows[document], [words, width], in the
// order of the batch; zeros where there are none. On a CUDA device.
template <class T>
struct WordSums {
  DeviceWordOrder order;
  const T* coefficients;  // [nonzeros], as they stand in the batch
  bool are_counts;        // take coefficients that are negative or not finite for 0
  const T* rows;          // [documents, width]
  T *sums, *partials;     // partials [ceil(nonzeros / places_per_chunk), 2, width]
  int64_t words, width;
};

template <class T>
int word_sums_cuda(const WordSums<T>&, void* stream);

}  // namespace ntm_fast
