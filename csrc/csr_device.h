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
  const int64_t* positions;  // [nonzeros], where each stands in the batch
  const int32_t* documents;  // [nonzeros], the document of each position (not place); below 0: none
  int64_t nonzeros;
};

// documents[n] = the document of nonzero n; -1 where indptr names none.
template <class T>
int nonzero_documents_cuda(const DeviceCsr<T>&, int32_t* documents, void* stream);

}  // namespace ntm_fast
