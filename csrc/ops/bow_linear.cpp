#include "bow_linear.h"

#include <algorithm>
#include <tuple>

#include "bow_linear_checks.h"
#include "csr.h"
#include "huge_pages.h"

namespace ntm_fast {

namespace {

using namespace bow_linear_checks;

constexpr int64_t documents_per_block = 8, words_per_block = 256, rows_per_block = 32;
constexpr double element_ns = .1;  // of a row of weight or output, read or written

// -> [B, H]; the order is for the backward
Tensor forward(const Tensor& weight, const Tensor& indptr, const Tensor& indices,
               const Tensor& counts, const Order& order) {
  check_weight(weight);
  check_order(op, order, indices);
  const Tensor w = contiguous(weight);
  return dispatch_floating(op, "weight", weight, [&](auto zero) {
    using T = decltype(zero);
    const CsrBatch<T> batch(op, indptr, indices, counts, weight.size(0));
    const int64_t documents = batch.view().documents;
    const Tensor output = torch::stable::new_empty(weight, {documents, weight.size(1)});
    const BowLinear<T> args{batch.view(), data<T>(w), mutable_data<T>(output), weight.size(1)};
    const auto kernel = NTM_FAST_CPU_CALL(bow_linear<T>);
    const double work = element_ns * double(weight.size(1)) * double(batch.view().nonzeros);
    parallel_blocks(documents, documents_per_block, work,
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
    return output;
  });
}

// -> gradients of counts [N] (in weight's dtype) and weight [V, H]; empty where not wanted
std::tuple<Tensor, Tensor> backward(const Tensor& grad_output, const Tensor& weight,
                                    const Tensor& indptr, const Tensor& indices,
                                    const Tensor& counts, const Order& order, bool want_counts,
                                    bool want_weight) {
  check_weight(weight);
  check_order(op, order, indices);
  check_same_dtype(op, "grad_output", grad_output, "weight", weight);
  const Tensor g = contiguous(grad_output), w = contiguous(weight);
  const int64_t words = weight.size(0), features = weight.size(1);
  return dispatch_floating(op, "weight", weight, [&](auto zero) {
    using T = decltype(zero);
    const CsrBatch<T> batch(op, indptr, indices, counts, words);
    const int64_t documents = batch.view().documents;
    check_gradient(grad_output, documents, features);
    const double work = element_ns * double(features) * double(batch.view().nonzeros);
    const Tensor grad_counts =
        torch::stable::new_empty(weight, {want_counts ? batch.view().nonzeros : 0});
    const Tensor grad_weight =
        torch::stable::new_empty(weight, {want_weight ? words : 0, features});
    if (want_counts) {
      const BowLinearCounts<T> args{batch.view(), data<T>(w), data<T>(g),
                                    mutable_data<T>(grad_counts), features};
      const auto kernel = NTM_FAST_CPU_CALL(bow_linear_counts<T>);
      parallel_blocks(documents, documents_per_block, work,
                      [&](int64_t first, int64_t last) { kernel(args, first, last); });
    }
    if (want_weight) {
      const WordOrdered<T> ordered(op, batch, order);
      T* const to = mutable_data<T>(grad_weight);
      prefer_huge_pages(to, words * features * int64_t(sizeof(T)));
      const BowLinearWeight<T> args{ordered.view(), data<T>(g), to, features};
      const auto kernel = NTM_FAST_CPU_CALL(bow_linear_weight<T>);
      parallel_scattered_blocks(words, words_per_block,
                                work + element_ns * double(words * features),
                                [&](int64_t first, int64_t last) { kernel(args, first, last); });
    }
    return std::tuple(grad_counts, grad_weight);
  });
}

// -> the words that occur, int64 [U], increasing, and the gradient of their rows of weight [U, H];
// the other rows' is 0
std::tuple<Tensor, Tensor> backward_rows(const Tensor& grad_output, const Tensor& indptr,
                                         const Tensor& indices, const Tensor& counts,
                                         const Order& order, int64_t words) {
  check_order(op, order, indices);
  check(grad_output.dim() == 2, op, ": grad_output has shape ", shape(grad_output),
        ", expected [B, H]");
  const Tensor g = contiguous(grad_output);
  const int64_t features = grad_output.size(1);
  return dispatch_floating(op, "grad_output", grad_output, [&](auto zero) {
    using T = decltype(zero);
    const CsrBatch<T> batch(op, indptr, indices, counts, words);
    check_gradient(grad_output, batch.view().documents, features);
    const WordOrdered<T> ordered(op, batch, order);
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

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
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

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("bow_linear", TORCH_BOX(&forward));
  m.impl("bow_linear_backward", TORCH_BOX(&backward));
  m.impl("bow_linear_backward_rows", TORCH_BOX(&backward_rows));
}

}  // namespace ntm_fast
