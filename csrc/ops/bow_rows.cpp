#include <string.h>

#include <memory>
#include <tuple>

#include "bow_rows_checks.h"

namespace ntm_fast {

namespace {

using namespace bow_rows;

constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 2;

int64_t at(const Tensor& tensor, int64_t i) {
  return tensor.scalar_type() == ScalarType::Long ? data<int64_t>(tensor)[i]
                                                  : data<int32_t>(tensor)[i];
}

void fill_zeros(const Tensor& tensor, int64_t from) {
  const auto size = int64_t(tensor.element_size());
  const int64_t left = tensor.size(0) - from;
  if (left > 0) memset(mutable_data<char>(tensor) + from * size, 0, size_t(left * size));
}

// (rows [B], indptr [D+1], indices [N], counts [N], size of the outputs) -> indptr [B+1], indices
// and counts of the rows; what they leave of the size is the last row's, word 0 zero times
std::tuple<Tensor, Tensor, Tensor> gather(const Tensor& rows, const Tensor& indptr,
                                          const Tensor& indices, const Tensor& counts,
                                          std::optional<int64_t> wanted) {
  check_arguments(indptr, indices, counts, rows, wanted);
  const int64_t documents = indptr.size(0) - 1, nonzeros = indices.size(0), n = rows.size(0);
  const Tensor p = contiguous(indptr), i = contiguous(indices), c = contiguous(counts),
               r = contiguous(rows);
  const Tensor row_indptr = torch::stable::new_empty(indptr, {n + 1}, ScalarType::Long);
  int64_t* const ends = mutable_data<int64_t>(row_indptr);
  const std::unique_ptr<int64_t[]> starts(new int64_t[size_t(n)]);
  ends[0] = 0;
  for (int64_t b = 0; b < n; ++b) {
    const int64_t row = at(r, b);
    check(row >= 0 && row < documents, op, ": rows[", b, "] is ", row, ", expected 0 <= row < ",
          documents);
    const int64_t start = at(p, row), end = at(p, row + 1);
    check(0 <= start && start <= end && end <= nonzeros, op, ": indptr[", row, "] and indptr[",
          row + 1, "] are ", start, " and ", end, ", expected 0 <= first <= second <= ", nonzeros);
    starts[b] = start;
    ends[b + 1] = ends[b] + (end - start);
  }
  const int64_t found = ends[n], size = wanted.value_or(found);
  check(size >= found, op, ": nonzeros is ", size, ", expected at least ", found,
        ", as many as the rows have");
  const Tensor row_indices = torch::stable::new_empty(indices, {size}),
               row_counts = torch::stable::new_empty(counts, {size});
  const BowRows args{starts.get(),
                     ends,
                     data<char>(i),
                     data<char>(c),
                     mutable_data<char>(row_indices),
                     mutable_data<char>(row_counts),
                     int64_t(i.element_size()),
                     int64_t(c.element_size())};
  const auto kernel = NTM_FAST_CPU_CALL(bow_rows);
  parallel_blocks(n, rows_per_block, element_ns * double(found),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
  fill_zeros(row_indices, found);
  fill_zeros(row_counts, found);
  ends[n] = size;
  return {row_indptr, row_indices, row_counts};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "bow_rows(Tensor rows, Tensor indptr, Tensor indices, Tensor counts, int? nonzeros=None)"
      " -> (Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { m.impl("bow_rows", TORCH_BOX(&gather)); }

}  // namespace ntm_fast
