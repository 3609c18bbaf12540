#pragma once
// Where a range of words begins in a batch ordered by word.

#include "csr.h"
#include "math/host_device.h"

NTM_FAST_ISA_BEGIN

// Place in batch.distinct of the first word that is not below ``word``.
template <class T>
NTM_FAST_INLINE int64_t first_distinct(const WordOrder<T>& batch, int64_t word) {
  int64_t low = 0, high = batch.n_distinct;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (batch.distinct[middle] < word) low = middle + 1;
    else high = middle;
  }
  return low;
}

NTM_FAST_ISA_END
