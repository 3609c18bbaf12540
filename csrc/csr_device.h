#pragma once
#include <stdint.h>

namespace ntm_fast {

// A batch of bags of words on a CUDA device, with values that nobody has checked (csr.cuh does).
template <class T>
struct DeviceCsr {
  const void *indptr, *indices;  // [documents + 1], [nonzeros]; int64 where wide, else int32
  const T* counts;               // [nonzeros]
  int64_t documents, words, nonzeros;
  bool wide_indptr, wide_indices;
  uint64_t* notes;  // device_errors.h; null to say nothing
};

// Its nonzeros in the order of their words, and within a word as they stand in the batch. Words out
// of range are among them.
struct DeviceWordOrder {
  const int32_t* words;      // [nonzeros], increasing
  const int32_t* positions;  // [nonzeros], where each stands in the batch
  const int32_t* documents;  // [nonzeros], the document of each position (not place); below 0: none
  int64_t nonzeros;
};

// Fills words, positions and documents [nonzeros each] of an order that is given by the positions
// alone and that nobody has checked: a position out of range becomes 0.
template <class T>
int word_order_cuda(const DeviceCsr<T>&, const int64_t* order, int32_t* words, int32_t* positions,
                    int32_t* documents, void* stream);

}  // namespace ntm_fast
