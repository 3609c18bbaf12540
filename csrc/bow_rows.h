#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// Row b of the result holds the nonzeros starts[b] .. of the corpus, at indptr[b] .. indptr[b + 1].
struct BowRows {
  const int64_t *starts, *indptr;  // [B], [B + 1]
  const char *indices, *counts;    // of the corpus, elements of these many bytes
  char *row_indices, *row_counts;
  int64_t index_bytes, count_bytes;
};

NTM_FAST_CPU_DECLARE(void bow_rows(const BowRows&, int64_t first_row, int64_t last_row))

// The same on a CUDA device, in two steps, each queued on a stream; they return a cudaError_t.
struct CudaBowRows {
  const void *indptr, *rows;  // [D + 1], [B]; int64 where wide, else int32
  bool wide_indptr, wide_rows;
  int64_t documents, nonzeros, n_rows;  // D and N of the corpus, B
  int64_t *starts, *lengths;            // [B]; length 0 where rows or indptr is bad
  int64_t* row_indptr;                  // [B + 1]
  int64_t size;                         // of the results, or -1: as many as the rows hold
  uint64_t* notes;                      // cuda_device.h
};

// Fills starts, lengths and row_indptr. Its last element is the size, if that is given.
int bow_rows_lengths_cuda(const CudaBowRows&, void* stream);
// Copies the nonzeros; zeros where row_indptr leaves a row more than it holds.
int bow_rows_cuda(const BowRows&, const int64_t* lengths, int64_t n_rows, void* stream);

}  // namespace ntm_fast
