#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>

#include "bow_product_checks.h"
#include "bow_product_cuda.h"
#include "csr_device_torch.h"
#include "wgmma_switch.h"

namespace ntm_fast {

namespace {

using namespace bow_product;

// Precisions are 0, 1 and 2 for torch's "highest", "high" and "medium": products in T, three
// products of bfloat16 (one of tf32 if NTM_FAST_TF32=1 asks for it), one of bfloat16. What the
// tensor cores have no kernel for is more precise than asked.
template <class T>
Operands operands_for(int64_t precision, int64_t topics) {
  check_precision(precision);
  if (sizeof(T) != 4 || topics > most_packed_topics || precision == 0) return Operands::exact;
  if (precision == 2) return Operands::bf16;
  return is_asked_for("NTM_FAST_TF32") ? Operands::tf32 : Operands::bf16x3;
}

template <class T>
BowProductCuda<T> inputs(const Arguments& a, const DeviceBatch<T>& batch, int64_t precision) {
  return {data<T>(a.hidden),
          data<T>(a.weight),
          data_or_null<T>(a.bias),
          data_or_null<T>(a.mean),
          data_or_null<T>(a.var),
          data_or_null<T>(a.scale),
          data_or_null<T>(a.shift),
          T(a.eps),
          a.batch_statistics(),
          a.hidden.size(0),
          a.hidden.size(1),
          a.weight.size(0),
          batch.view(),
          operands_for<T>(precision, a.hidden.size(1))};
}

template <class T>
DeviceBatch<T> checked_batch(const Arguments& a, const Tensor& indptr, const Tensor& indices,
                             const Tensor& counts) {
  DeviceBatch<T> batch(op, NotingOp::bow_product_log_likelihood, indptr, indices, counts,
                       a.weight.size(0), "hidden", a.hidden);
  check(indptr.size(0) == a.hidden.size(0) + 1, op, ": indptr has ", indptr.size(0),
        " elements, expected ", a.hidden.size(0) + 1, ", one more than hidden has rows");
  return batch;
}

template <class T>
int64_t kept_bytes(const Arguments& a) {
  return bow_product_kept_numbers(a.hidden.size(0), a.hidden.size(1)) * int64_t(sizeof(T));
}

template <class T>
Tensor workspace(const Arguments& a, int64_t bytes) {
  return torch::stable::new_empty(a.hidden, {bytes / int64_t(sizeof(T))});
}

// As on the CPU; what is kept is that of BowProductCudaForward.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> forward(
    const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& indptr,
    const Tensor& indices, const Tensor& counts, const Order& order, bool batch_norm,
    const OptionalTensor& mean, const OptionalTensor& var, const OptionalTensor& scale,
    const OptionalTensor& shift, double eps, int64_t precision, bool keep) {
  check_order(op, order, indices);
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  const int64_t documents = hidden.size(0);
  const int64_t statistics = a.batch_statistics() ? weight.size(0) : 0;
  const CudaScope cuda(a.hidden);
  const Tensor log_likelihood = torch::stable::new_empty(a.hidden, {documents}),
               batch_mean = torch::stable::new_zeros(a.hidden, {statistics}),
               batch_var = torch::stable::new_zeros(a.hidden, {statistics});
  Tensor found = torch::stable::new_empty(a.hidden, {0}, ScalarType::Long),
         kept = torch::stable::new_empty(a.hidden, {0}, ScalarType::Byte);
  dispatch_floating(op, "hidden", hidden, [&](auto zero) {
    using T = decltype(zero);
    const auto batch = checked_batch<T>(a, indptr, indices, counts);
    if (keep && !order) found = sorted_by_word(batch.indices());
    if (documents == 0) return;
    if (keep) kept = torch::stable::new_empty(a.hidden, {kept_bytes<T>(a)}, ScalarType::Byte);
    const BowProductCudaForward<T> args{
        inputs<T>(a, batch, precision), mutable_data<T>(log_likelihood),
        statistics ? mutable_data<T>(batch_mean) : nullptr,
        statistics ? mutable_data<T>(batch_var) : nullptr, keep ? mutable_data<T>(kept) : nullptr};
    const Tensor memory = workspace<T>(a, bow_product_workspace(args));
    void* const there = mutable_data<T>(memory);
    check_launch(op, bow_product_parts_cuda(args, there, cuda.stream()));
    check_launch(op, bow_product_merge_cuda(args, there, cuda.stream()));
  });
  return {log_likelihood, batch_mean, batch_var, found, kept};
}

// -> gradients of hidden, weight, bias, scale and shift; empty where not wanted or not given
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> backward(
    const Tensor& grad_log_likelihood, const Tensor& hidden, const Tensor& weight,
    const OptionalTensor& bias, const Tensor& indptr, const Tensor& indices, const Tensor& counts,
    const Order& order, bool batch_norm, const OptionalTensor& mean, const OptionalTensor& var,
    const OptionalTensor& scale, const OptionalTensor& shift, double eps, int64_t precision,
    const Tensor& batch_var, const Tensor& kept, bool hidden_gradient, bool weight_gradient) {
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  check_backward(a, grad_log_likelihood, batch_var, kept);
  const int64_t documents = hidden.size(0);
  const CudaScope cuda(a.hidden);
  const auto like = [&](bool wanted, const Tensor& tensor) {
    if (!wanted) return torch::stable::new_empty(tensor, {0});
    return documents > 0 ? torch::stable::empty_like(tensor)
                         : torch::stable::new_zeros(tensor, tensor.sizes());
  };
  const auto per_word = [&](const OptionalTensor& tensor) {
    return tensor ? like(true, *tensor) : torch::stable::new_empty(a.weight, {0});
  };
  const Tensor grad_hidden = like(hidden_gradient, a.hidden),
               grad_weight = like(weight_gradient, a.weight), grad_bias = per_word(a.bias),
               grad_scale = per_word(a.scale), grad_shift = per_word(a.shift);
  dispatch_floating(op, "hidden", hidden, [&](auto zero) {
    using T = decltype(zero);
    const auto batch = checked_batch<T>(a, indptr, indices, counts);
    if (documents == 0) return;
    check(kept.numel() == 0 || kept.numel() == kept_bytes<T>(a), op, ": kept has ", kept.numel(),
          " bytes, expected the ", kept_bytes<T>(a), " of the forward");
    const DeviceWordOrdered<T> ordered(op, batch, order, cuda);
    const Tensor g = contiguous(grad_log_likelihood), v = contiguous(batch_var),
                 k = contiguous(kept);
    const auto wanted = [](const Tensor& tensor) {
      return tensor.numel() ? mutable_data<T>(tensor) : nullptr;
    };
    const BowProductCudaBackward<T> args{inputs<T>(a, batch, precision),
                                         data<T>(g),
                                         data<T>(v),
                                         kept.numel() ? data<T>(k) : nullptr,
                                         ordered.view(),
                                         wanted(grad_hidden),
                                         wanted(grad_weight),
                                         wanted(grad_bias),
                                         wanted(grad_scale),
                                         wanted(grad_shift)};
    const Tensor memory = workspace<T>(a, bow_product_workspace(args));
    check_launch(op, bow_product_backward_cuda(args, mutable_data<T>(memory), cuda.stream()));
  });
  return {grad_hidden, grad_weight, grad_bias, grad_scale, grad_shift};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("bow_product_log_likelihood", TORCH_BOX(&forward));
  m.impl("bow_product_log_likelihood_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
