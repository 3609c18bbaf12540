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

}  // namespace ntm_fast
