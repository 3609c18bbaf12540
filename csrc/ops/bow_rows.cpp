#include "bow_rows.h"

#include <string.h>

#include <memory>
#include <tuple>
#include <utility>

#include "ops/csr_batch.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "bow_rows";
constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 2;

void check_shape(const char* name, const Tensor& tensor, const char* expected) {
  check(tensor.dim() == 1, op, ": ", name, " has shape ", shape(tensor), ", expected ", expected);
}

void check_arguments(const Tensor& rows, const Tensor& indptr, const Tensor& indices,
                     const Tensor& counts, std::optional<int64_t> wanted) {
  check_shape("indptr", indptr, "[D + 1]");
  check_shape("indices", indices, "[N]");
  check_shape("counts", counts, "[N]");
  check_shape("rows", rows, "[B]");
  for (const auto& [name, tensor] : {std::pair{"indptr", &indptr}, {"rows", &rows}}) {
    check(is_integer(*tensor), op, ": ", name, " must be int32 or int64, got ", dtype(*tensor));
  }
  const int64_t nonzeros = indices.size(0), size = wanted.value_or(0);
  check(indptr.size(0) > 0, op, ": indptr is empty, expected [D + 1] elements");
  check(counts.size(0) == nonzeros, op, ": counts has ", counts.size(0), " elements, expected ",
        nonzeros, ", as many as indices");
  check(size >= 0 && (rows.size(0) > 0 || size == 0), op, ": nonzeros is ", size, ", expected ",
        rows.size(0) > 0 ? "at least " : "", 0);
  check_same_device(op, "indices", indices, "indptr", indptr);
  check_same_device(op, "counts", counts, "indptr", indptr);
  check_same_device(op, "rows", rows, "indptr", indptr);
}

// A corpus and what is taken from it; all tensors are contiguous.
struct Corpus {
  Tensor indptr, indices, counts, rows;
};

struct Rows {
  Tensor indptr, indices, counts;
};

// The copy of the nonzeros from starts [B] of the corpus to rows whose indptr is filled.
BowRows copy_of(const Corpus& from, const Rows& to, const int64_t* starts) {
  return {starts,
          mutable_data<int64_t>(to.indptr),
          data<char>(from.indices),
          data<char>(from.counts),
          mutable_data<char>(to.indices),
          mutable_data<char>(to.counts),
          int64_t(from.indices.element_size()),
          int64_t(from.counts.element_size())};
}

int64_t at(const Tensor& tensor, int64_t i) {
  return tensor.scalar_type() == ScalarType::Long ? data<int64_t>(tensor)[i]
                                                  : data<int32_t>(tensor)[i];
}

void fill_zeros(const Tensor& tensor, int64_t from) {
  const auto size = int64_t(tensor.element_size());
  const int64_t left = tensor.size(0) - from;
  if (left > 0) memset(mutable_data<char>(tensor) + from * size, 0, size_t(left * size));
}

// Fills row_indptr [B + 1] and returns the rows.
Rows take(const Cpu&, const Corpus& corpus, const Tensor& row_indptr,
          std::optional<int64_t> wanted) {
  const int64_t documents = corpus.indptr.size(0) - 1, nonzeros = corpus.indices.size(0),
                n = corpus.rows.size(0);
  int64_t* const ends = mutable_data<int64_t>(row_indptr);
  const std::unique_ptr<int64_t[]> starts(new int64_t[size_t(n)]);
  ends[0] = 0;
  for (int64_t b = 0; b < n; ++b) {
    const int64_t row = at(corpus.rows, b);
    check(row >= 0 && row < documents, op, ": rows[", b, "] is ", row, ", expected 0 <= row < ",
          documents);
    const int64_t start = at(corpus.indptr, row), end = at(corpus.indptr, row + 1);
    check(0 <= start && start <= end && end <= nonzeros, op, ": indptr[", row, "] and indptr[",
          row + 1, "] are ", start, " and ", end, ", expected 0 <= first <= second <= ", nonzeros);
    starts[b] = start;
    ends[b + 1] = ends[b] + (end - start);
  }
  const int64_t found = ends[n], size = wanted.value_or(found);
  check(size >= found, op, ": nonzeros is ", size, ", expected at least ", found,
        ", as many as the rows have");
  const Rows rows{row_indptr, torch::stable::new_empty(corpus.indices, {size}),
                  torch::stable::new_empty(corpus.counts, {size})};
  const BowRows args = copy_of(corpus, rows, starts.get());
  const auto kernel = NTM_FAST_CPU_CALL(bow_rows);
  parallel_blocks(n, rows_per_block, element_ns * double(found),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
  fill_zeros(rows.indices, found);
  fill_zeros(rows.counts, found);
  ends[n] = size;
  return rows;
}

// The last element; waits until the device has computed it.
int64_t wait_for_last(const Tensor& row_indptr) {
  Tensor whole = row_indptr;
  const Tensor last = torch::stable::narrow(whole, 0, row_indptr.size(0) - 1, 1);
  const Tensor here =
      torch::stable::to(last, torch::stable::Device(torch::headeronly::DeviceType::CPU));
  raise_device_errors();
  return *data<int64_t>(here);
}

// Waits for the device unless a size is wanted.
template <class Device>
Rows take(const Device& cuda, const Corpus& corpus, const Tensor& row_indptr,
          std::optional<int64_t> wanted) {
  const int64_t n = corpus.rows.size(0);
  const Tensor found = torch::stable::new_empty(corpus.indptr, {2, n}, ScalarType::Long);
  int64_t* const starts = mutable_data<int64_t>(found);
  const CudaBowRows args{corpus.indptr.const_data_ptr(),
                         corpus.rows.const_data_ptr(),
                         corpus.indptr.scalar_type() == ScalarType::Long,
                         corpus.rows.scalar_type() == ScalarType::Long,
                         corpus.indptr.size(0) - 1,
                         corpus.indices.size(0),
                         n,
                         starts,
                         starts + n,
                         mutable_data<int64_t>(row_indptr),
                         wanted.value_or(-1),
                         device_notes(NotingOp::bow_rows)};
  cuda.check_launch(bow_rows_lengths_cuda(args, cuda.stream()));
  const int64_t size = wanted ? *wanted : wait_for_last(row_indptr);
  const Rows rows{row_indptr, torch::stable::new_empty(corpus.indices, {size}),
                  torch::stable::new_empty(corpus.counts, {size})};
  const BowRows copy = copy_of(corpus, rows, starts);
  cuda.check_launch(bow_rows_cuda(copy, args.lengths, n, cuda.stream()));
  return rows;
}

// (rows [B], indptr [D+1], indices [N], counts [N], size of the outputs) -> indptr [B+1], indices
// and counts of the rows; what they leave of the size is the last row's, word 0 zero times
template <class Device>
std::tuple<Tensor, Tensor, Tensor> gather(const Tensor& rows, const Tensor& indptr,
                                          const Tensor& indices, const Tensor& counts,
                                          std::optional<int64_t> wanted) {
  if constexpr (std::is_same_v<Device, Cuda>) raise_device_errors();
  check_arguments(rows, indptr, indices, counts, wanted);
  const Device device(op, indptr);
  const Corpus corpus{contiguous(indptr), contiguous(indices), contiguous(counts),
                      contiguous(rows)};
  const Tensor row_indptr = torch::stable::new_empty(indptr, {rows.size(0) + 1}, ScalarType::Long);
  const Rows taken = take(device, corpus, row_indptr, wanted);
  return {taken.indptr, taken.indices, taken.counts};
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def(
      "bow_rows(Tensor rows, Tensor indptr, Tensor indices, Tensor counts, int? nonzeros=None)"
      " -> (Tensor, Tensor, Tensor)");
}

NTM_FAST_KERNELS(m) { m.impl("bow_rows", TORCH_BOX(&gather<Device>)); }

}  // namespace ntm_fast
