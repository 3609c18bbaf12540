#include <tuple>

#include "bow_linear_checks.h"
#include "bow_linear_device.h"
#include "csr_device_torch.h"

namespace ntm_fast {

namespace {

using namespace bow_linear_checks;

// -> [B, H]; the order is for the backward
Tensor forward(const Tensor& weight, const Tensor& indptr, const Tensor& indices,
               const Tensor& counts, const Order& order) {
  check_weight(weight);
  check_order(op, order, indices);
  const CudaScope cuda(weight);
  const Tensor w = contiguous(weight);
  return dispatch_floating(op, "weight", weight, [&](auto zero) {
    using T = decltype(zero);
    const DeviceBatch<T> batch(op, NotingOp::bow_linear, indptr, indices, counts, weight.size(0),
                               "weight", weight);
    const Tensor output =
        torch::stable::new_empty(weight, {batch.view().documents, weight.size(1)});
    check_launch(op, bow_linear_cuda(DeviceBowLinear<T>{batch.view(), data<T>(w),
                                                        mutable_data<T>(output), weight.size(1)},
                                     cuda.stream()));
    return output;
  });
}

// -> gradients of counts [N] (in weight's dtype) and weight [V, H]; empty where not wanted
std::tuple<Tensor, Tensor> backward(const Tensor& grad_output, const Tensor& weight,
                                    const Tensor& indptr, const Tensor& indices,
                                    const Tensor& counts, const Order& order, bool want_counts,
                                    bool want_weight) {
  check_weight(weight);
  check_same_dtype(op, "grad_output", grad_output, "weight", weight);
  const CudaScope cuda(weight);
  const Tensor g = contiguous(grad_output), w = contiguous(weight);
  const int64_t words = weight.size(0), features = weight.size(1);
  return dispatch_floating(op, "weight", weight, [&](auto zero) {
    using T = decltype(zero);
    const DeviceBatch<T> batch(op, NotingOp::bow_linear, indptr, indices, counts, words, "weight",
                               weight);
    const int64_t documents = batch.view().documents, nonzeros = batch.view().nonzeros;
    check_gradient(grad_output, documents, features);
    const Tensor grad_counts = torch::stable::new_zeros(weight, {want_counts ? nonzeros : 0});
    const Tensor grad_weight =
        torch::stable::new_empty(weight, {want_weight ? words : 0, features});
    if (want_counts) {
      const DeviceBowLinearCounts<T> args{batch.view(), data<T>(w), data<T>(g),
                                          mutable_data<T>(grad_counts), features};
      check_launch(op, bow_linear_counts_cuda(args, cuda.stream()));
    }
    if (want_weight) {
      const DeviceWordOrdered<T> ordered(op, batch, order, cuda);
      const int64_t chunks = (nonzeros + places_per_chunk - 1) / places_per_chunk;
      const Tensor partials = torch::stable::new_empty(weight, {chunks, 2, features});
      const WordSums<T> args{ordered.view(),
                             data<T>(batch.counts()),
                             true,
                             data<T>(g),
                             mutable_data<T>(grad_weight),
                             mutable_data<T>(partials),
                             words,
                             features};
      check_launch(op, word_sums_cuda(args, cuda.stream()));
    }
    return std::tuple(grad_counts, grad_weight);
  });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("bow_linear", TORCH_BOX(&forward));
  m.impl("bow_linear_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
