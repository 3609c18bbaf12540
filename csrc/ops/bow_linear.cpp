#include "bow_linear.h"

#include <algorithm>
#include <tuple>

#include "ops/csr_batch.h"
#include "ops/huge_pages.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "bow_linear";
constexpr int64_t documents_per_block = 8, words_per_block = 256, rows_per_block = 32;
constexpr double element_ns = .1;  // of a row of weight or output, read or written

void check_weight(const Tensor& weight) {
  check(weight.dim() == 2, op, ": weight has shape ", shape(weight), ", expected [V, H]");
}

void check_gradient(const Tensor& grad_output, int64_t documents, int64_t features) {
  check(
      grad_output.dim() == 2 && grad_output.size(0) == documents && grad_output.size(1) == features,
      op, ": grad_output has shape ", shape(grad_output), ", expected [", documents, ", ", features,
      "]");
}

template <class T>
void run(const Cpu&, const BowLinear<T>& args) {
  const auto kernel = NTM_FAST_CPU_CALL(bow_linear<T>);
  parallel_blocks(args.batch.documents, documents_per_block,
                  element_ns * double(args.features) * double(args.batch.nonzeros),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

template <class T>
void run(const Cuda& cuda, const CudaBowLinear<T>& args) {
  cuda.check_launch(bow_linear_cuda(args, cuda.stream()));
}

template <class T>
void run(const Cpu&, const BowLinearCounts<T>& args) {
  const auto kernel = NTM_FAST_CPU_CALL(bow_linear_counts<T>);
  parallel_blocks(args.batch.documents, documents_per_block,
                  element_ns * double(args.features) * double(args.batch.nonzeros),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

template <class T>
void run(const Cuda& cuda, const CudaBowLinearCounts<T>& args) {
  cuda.check_launch(bow_linear_counts_cuda(args, cuda.stream()));
}

// The gradient of weight from that of the output, [B, H].
template <class T>
void sum_gradients(const Cpu& cpu, const Batch<Cpu, T>& batch, const Order& order,
                   const Tensor& grad_output, const Tensor& grad_weight) {
  const ByWord<Cpu, T> ordered(op, cpu, batch, order);
  const int64_t words = grad_weight.size(0), features = grad_weight.size(1);
  T* const to = mutable_data<T>(grad_weight);
  prefer_huge_pages(to, words * features * int64_t(sizeof(T)));
  const BowLinearWeight<T> args{ordered.view(), data<T>(grad_output), to, features};
  const auto kernel = NTM_FAST_CPU_CALL(bow_linear_weight<T>);
  const double work = element_ns * double(features) * double(batch.view().nonzeros) +
                      element_ns * double(words * features);
  parallel_scattered_blocks(words, words_per_block, work,
                            [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

template <class T>
void sum_gradients(const Cuda& cuda, const Batch<Cuda, T>& batch, const Order& order,
                   const Tensor& grad_output, const Tensor& grad_weight) {
  const ByWord<Cuda, T> ordered(op, cuda, batch, order);
  sum_by_word<T>(cuda, ordered, batch.counts(), true, grad_output, grad_weight);
}

// -> [B, H]; the order is for the backward
template <class Device>
Tensor forward(const Tensor& weight, const Tensor& indptr, const Tensor& indices,
               const Tensor& counts, const Order& order) {
  check_weight(weight);
  check_order(op, order, indices);
  const Device device(op, weight);
  const Tensor w = contiguous(weight);
  return dispatch_floating(op, "weight", weight, [&](auto zero) {
    using T = decltype(zero);
    const Batch<Device, T> batch(op, NotingOp::bow_linear, indptr, indices, counts, weight.size(0),
                                 "weight", weight);
    const Tensor output =
        torch::stable::new_empty(weight, {batch.view().documents, weight.size(1)});
    run(device, BowLinear<T, View<Device, T>>{batch.view(), data<T>(w), mutable_data<T>(output),
                                              weight.size(1)});
    return output;
  });
}

// -> gradients of counts [N] (in weight's dtype) and weight [V, H]; empty where not wanted
template <class Device>
std::tuple<Tensor, Tensor> backward(const Tensor& grad_output, const Tensor& weight,
                                    const Tensor& indptr, const Tensor& indices,
                                    const Tensor& counts, const Order& order, bool want_counts,
                                    bool want_weight) {
  check_weight(weight);
  check_order(op, order, indices);
  check_same_dtype(op, "grad_output", grad_output, "weight", weight);
  const Device device(op, weight);
  const Tensor g = contiguous(grad_output), w = contiguous(weight);
  const int64_t words = weight.size(0), features = weight.size(1);
  return dispatch_floating(op, "weight", weight, [&](auto zero) {
    using T = decltype(zero);
    const Batch<Device, T> batch(op, NotingOp::bow_linear, indptr, indices, counts, words, "weight",
                                 weight);
    check_gradient(grad_output, batch.view().documents, features);
    const Tensor grad_counts =
        torch::stable::new_zeros(weight, {want_counts ? batch.view().nonzeros : 0});
    const Tensor grad_weight =
        torch::stable::new_empty(weight, {want_weight ? words : 0, features});
    if (want_counts) {
      run(device, BowLinearCounts<T, View<Device, T>>{batch.view(), data<T>(w), data<T>(g),
                                                      mutable_data<T>(grad_counts), features});
    }
    if (want_weight) sum_gradients(device, batch, order, g, grad_weight);
    return std::tuple(grad_counts, grad_weight);
  });
}

// -> the words that occur, int64 [U], increasing, and the gradient of their rows of weight [U, H];
// the other rows' is 0. On the CPU alone: how many they are would have to be waited for.
std::tuple<Tensor, Tensor> backward_rows(const Tensor& grad_output, const Tensor& indptr,
                                         const Tensor& indices, const Tensor& counts,
                                         const Order& order, int64_t words) {
  check_order(op, order, indices);
  check(grad_output.dim() == 2, op, ": grad_output has shape ", shape(grad_output),
        ", expected [B, H]");
  const Cpu cpu(op, grad_output);
  const Tensor g = contiguous(grad_output);
  const int64_t features = grad_output.size(1);
  return dispatch_floating(op, "grad_output", grad_output, [&](auto zero) {
    using T = decltype(zero);
    const Batch<Cpu, T> batch(op, NotingOp::bow_linear, indptr, indices, counts, words,
                              "grad_output", grad_output);
    check_gradient(grad_output, batch.view().documents, features);
    const ByWord<Cpu, T> ordered(op, cpu, batch, order);
    const int64_t n = ordered.view().n_distinct;
    const Tensor rows = torch::stable::new_empty(grad_output, {n}, ScalarType::Long);
    const Tensor gradient = torch::stable::new_empty(grad_output, {n, features});
    std::copy_n(ordered.view().distinct, n, mutable_data<int64_t>(rows));
    const BowLinearWeight<T> args{ordered.view(), data<T>(g), mutable_data<T>(gradient), features};
    const auto kernel = NTM_FAST_CPU_CALL(bow_linear_rows<T>);
    const double work = element_ns * double(features) * double(batch.view().nonzeros + n);
    parallel_scattered_blocks(n, rows_per_block, work,
                              [&](int64_t first, int64_t last) { kernel(args, first, last); });
    return std::tuple(rows, gradient);
  });
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def(
      "bow_linear(Tensor weight, Tensor indptr, Tensor indices, Tensor counts, Tensor? order)"
      " -> Tensor");
  m.def(
      "bow_linear_backward(Tensor grad_output, Tensor weight, Tensor indptr, Tensor indices,"
      " Tensor counts, Tensor? order, bool want_counts, bool want_weight) -> (Tensor, Tensor)");
  m.def(
      "bow_linear_backward_rows(Tensor grad_output, Tensor indptr, Tensor indices, Tensor counts,"
      " Tensor? order, int words) -> (Tensor, Tensor)");
}

NTM_FAST_KERNELS(m) {
  m.impl("bow_linear", TORCH_BOX(&forward<Device>));
  m.impl("bow_linear_backward", TORCH_BOX(&backward<Device>));
  if constexpr (std::is_same_v<Device, Cpu>) {
    m.impl("bow_linear_backward_rows", TORCH_BOX(&backward_rows));
  }
}

}  // namespace ntm_fast
