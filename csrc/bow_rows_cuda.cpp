#include <tuple>

#include "bow_rows_checks.h"
#include "cuda_stream.h"
#include "device_errors.h"

namespace ntm_fast {

namespace {

using namespace bow_rows;

// The last element, once the device has come to it.
int64_t wait_for_last(const Tensor& row_indptr) {
  Tensor whole = row_indptr;
  const Tensor last = torch::stable::narrow(whole, 0, row_indptr.size(0) - 1, 1);
  const Tensor here =
      torch::stable::to(last, torch::stable::Device(torch::headeronly::DeviceType::CPU));
  raise_device_errors();
  return *data<int64_t>(here);
}

// As on the CPU; waits for the device unless a size is wanted.
std::tuple<Tensor, Tensor, Tensor> gather(const Tensor& rows, const Tensor& indptr,
                                          const Tensor& indices, const Tensor& counts,
                                          std::optional<int64_t> wanted) {
  raise_device_errors();
  check_arguments(indptr, indices, counts, rows, wanted);
  check_same_device(op, "indices", indices, "indptr", indptr);
  check_same_device(op, "counts", counts, "indptr", indptr);
  check_same_device(op, "rows", rows, "indptr", indptr);
  const CudaScope cuda(indptr);
  const int64_t n = rows.size(0);
  const Tensor p = contiguous(indptr), i = contiguous(indices), c = contiguous(counts),
               r = contiguous(rows);
  const Tensor row_indptr = torch::stable::new_empty(indptr, {n + 1}, ScalarType::Long),
               found = torch::stable::new_empty(indptr, {2, n}, ScalarType::Long);
  int64_t* const starts = mutable_data<int64_t>(found);
  const DeviceBowRows args{p.const_data_ptr(),
                           r.const_data_ptr(),
                           p.scalar_type() == ScalarType::Long,
                           r.scalar_type() == ScalarType::Long,
                           indptr.size(0) - 1,
                           indices.size(0),
                           n,
                           starts,
                           starts + n,
                           mutable_data<int64_t>(row_indptr),
                           wanted.value_or(-1),
                           device_notes(NotingOp::bow_rows)};
  check_launch(op, bow_rows_lengths_cuda(args, cuda.stream()));
  const int64_t size = wanted ? *wanted : wait_for_last(row_indptr);
  const Tensor row_indices = torch::stable::new_empty(indices, {size}),
               row_counts = torch::stable::new_empty(counts, {size});
  const BowRows copy{args.starts,
                     args.row_indptr,
                     data<char>(i),
                     data<char>(c),
                     mutable_data<char>(row_indices),
                     mutable_data<char>(row_counts),
                     int64_t(i.element_size()),
                     int64_t(c.element_size())};
  check_launch(op, bow_rows_cuda(copy, args.lengths, n, cuda.stream()));
  return {row_indptr, row_indices, row_counts};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("bow_rows", TORCH_BOX(&gather));
}

}  // namespace ntm_fast
