#include "bow_rows.h"

#include "math/host_device.h"

NTM_FAST_ISA_BEGIN

void bow_rows(const BowRows& args, int64_t first_row, int64_t last_row) {
  const auto copy = [](char* to, const char* from, int64_t at, int64_t start, int64_t n,
                       int64_t bytes) __attribute__((always_inline)) {
    if (n) __builtin_memcpy(to + at * bytes, from + start * bytes, uint64_t(n * bytes));
  };
  for (int64_t b = first_row; b < last_row; ++b) {
    const int64_t at = args.indptr[b], n = args.indptr[b + 1] - at;
    copy(args.row_indices, args.indices, at, args.starts[b], n, args.index_bytes);
    copy(args.row_counts, args.counts, at, args.starts[b], n, args.count_bytes);
  }
}

NTM_FAST_ISA_END
