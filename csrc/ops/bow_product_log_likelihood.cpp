#include "bow_product_log_likelihood.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <vector>

#include "bow_product_checks.h"
#include "cpu/bow_product_merge.h"
#include "csr.h"
#include "huge_pages.h"
#include "matmul_path.h"
#include "tensors.h"

namespace ntm_fast {

namespace {

using namespace bow_product;

template <class T>
BowProductKernels<T> kernels_for(int64_t precision) {
  check_precision(precision);
#if defined(__x86_64__)
  if constexpr (std::is_same_v<T, float>) {
    switch (matmul_path(precision)) {
      case MatmulPath::avx512_bf16: return avx512_bf16::bow_product_bf16_kernels<1>();
      case MatmulPath::amx_bf16: return amx::bow_product_bf16_kernels<1>();
      case MatmulPath::amx_bf16x3: return amx::bow_product_bf16_kernels<2>();
      case MatmulPath::float32: break;
    }
  }
#endif
  return NTM_FAST_CPU_CALL(bow_product_kernels<T>)();
}

// What forward and backward share: the batch by words, the cut into groups, the packed hidden.
template <class T>
struct Problem {
  BowProductKernels<T> kernels;
  CsrBatch<T> batch;
  WordOrdered<T> order;
  BowProductPlan plan;
  std::vector<int64_t> group_starts;
  Tensor hidden_mean, packed_hidden;
  BowProductInputs<T> in;

  Problem(const Arguments& a, const Tensor& indptr, const Tensor& indices, const Tensor& counts,
          const Order& given, int64_t precision)
      : kernels(kernels_for<T>(precision)),
        batch(op, indptr, indices, counts, a.weight.size(0)),
        order(op, batch, given),
        plan(kernels.plan(a.hidden.size(0), a.hidden.size(1), a.weight.size(0))),
        hidden_mean(torch::stable::new_empty(a.hidden, {a.hidden.size(1)})),
        packed_hidden(torch::stable::new_empty(a.hidden, {plan.packed_hidden})) {
    check(batch.view().documents == a.hidden.size(0), op, ": indptr has ",
          batch.view().documents + 1, " elements, expected ", a.hidden.size(0) + 1,
          ", one more than hidden has rows");
    const WordOrder<T>& nonzeros = order.view();
    const int64_t words = a.weight.size(0), block = plan.block_words;
    for (int64_t group = 0; group <= plan.groups; ++group) {
      const int64_t word = group * ((words + block - 1) / block) / plan.groups * block;
      const int32_t* const end = nonzeros.words + nonzeros.nonzeros;
      group_starts.push_back(std::lower_bound(nonzeros.words, end, word) - nonzeros.words);
    }
    in = {data<T>(a.hidden),
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
          words,
          nonzeros,
          group_starts.data(),
          data<T>(hidden_mean),
          data<T>(packed_hidden),
          plan};
    kernels.pack(in, mutable_data<T>(hidden_mean), mutable_data<T>(packed_hidden));
  }

  // Runs kernel(args, group, scratch) for every group, each thread with scratch of its own.
  template <class Args>
  void run(const Args& args, void (*kernel)(const Args&, int64_t, T*), int64_t scratch_size) const {
    constexpr double product_ns = .02;  // of one multiplication and addition
    const double work = product_ns * double(in.documents * in.topics) * double(in.words);
    const Tensor scratch = torch::stable::new_empty(
        packed_hidden, {int64_t(torch::stable::get_num_threads()), scratch_size});
    T* memory = mutable_data<T>(scratch);
    parallel_blocks(plan.groups, 1, work, [&](int64_t group, int64_t) {
      kernel(args, group, memory + thread_index() * scratch_size);
    });
  }
};

// -> log likelihood [B], mean [V] without bias and biased variance [V] of the batch (empty unless
// they were computed), and if it is to be kept for the backward, the order by word (unless it was
// given) and BowProductKept
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> forward(
    const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& indptr,
    const Tensor& indices, const Tensor& counts, const Order& order, bool batch_norm,
    const OptionalTensor& mean, const OptionalTensor& var, const OptionalTensor& scale,
    const OptionalTensor& shift, double eps, int64_t precision, bool keep) {
  check_order(op, order, indices);
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  const int64_t documents = hidden.size(0);
  const int64_t statistics = a.batch_statistics() ? weight.size(0) : 0;
  const Tensor log_likelihood = torch::stable::new_empty(a.hidden, {documents}),
               batch_mean = torch::stable::new_zeros(a.hidden, {statistics}),
               batch_var = torch::stable::new_zeros(a.hidden, {statistics});
  Tensor found = torch::stable::new_empty(a.hidden, {0}, ScalarType::Long),
         kept = torch::stable::new_empty(a.hidden, {0}, ScalarType::Byte);
  dispatch_floating(op, "hidden", hidden, [&](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem(a, indptr, indices, counts, order, precision);
    const BowProductPlan& plan = problem.plan;
    const Csr<T>& batch = problem.batch.view();
    if (keep && !order) found = problem.order.order();
    if (documents == 0) return;
    const BowProductKept<T> sizes(documents, weight.size(0));
    T *norms_kept = nullptr, *raw = nullptr;
    if (keep) {
      kept = torch::stable::new_empty(a.hidden, {sizes.bytes()}, ScalarType::Byte);
      char* const memory = mutable_data<char>(kept);
      const int64_t used = 2 * documents * int64_t(sizeof(T));
      std::memset(memory + used, 0, size_t(sizes.norms - used));
      norms_kept = reinterpret_cast<T*>(memory);
      if (sizes.logits) raw = reinterpret_cast<T*>(memory + sizes.norms);
    }
    const Tensor partial = torch::stable::new_empty(a.hidden, {2, plan.groups, plan.row});
    const Tensor logits = torch::stable::new_empty(a.hidden, {batch.nonzeros});
    const BowProductForward<T> args{problem.in,
                                    statistics ? mutable_data<T>(batch_mean) : nullptr,
                                    statistics ? mutable_data<T>(batch_var) : nullptr,
                                    mutable_data<T>(partial),
                                    mutable_data<T>(partial) + plan.groups * plan.row,
                                    mutable_data<T>(logits),
                                    raw};
    problem.run(args, problem.kernels.forward, plan.forward_scratch);
    std::vector<DocumentNorm> norms(static_cast<size_t>(documents));
    bow_product_merge(args, norms.data());
    bow_product_terms(args, batch, norms.data(), mutable_data<T>(log_likelihood), norms_kept);
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
  check_order(op, order, indices);
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  const int64_t documents = hidden.size(0), topics = hidden.size(1), words = weight.size(0);
  check_backward(a, grad_log_likelihood, batch_var, kept);
  const auto like = [&](bool wanted, const Tensor& tensor) {
    return wanted ? torch::stable::new_zeros(tensor, tensor.sizes())
                  : torch::stable::new_empty(tensor, {0});
  };
  const Tensor grad_hidden = like(hidden_gradient, a.hidden);
  const Tensor grad_weight = weight_gradient && documents > 0 ? torch::stable::empty_like(a.weight)
                                                              : like(weight_gradient, a.weight);
  const auto per_word = [&](const OptionalTensor& tensor) {
    return torch::stable::new_zeros(a.weight, {tensor ? words : 0});
  };
  const Tensor grad_bias = per_word(a.bias), grad_scale = per_word(a.scale),
               grad_shift = per_word(a.shift);
  dispatch_floating(op, "hidden", hidden, [&](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem(a, indptr, indices, counts, order, precision);
    if (documents == 0) return;
    const BowProductPlan& plan = problem.plan;
    const Csr<T>& batch = problem.batch.view();
    const BowProductKept<T> sizes(documents, words);
    check(kept.numel() == sizes.norms || kept.numel() == sizes.bytes(), op, ": kept has ",
          kept.numel(), " bytes, expected the ", sizes.bytes(), " of the forward");
    const Tensor g = contiguous(grad_log_likelihood), v = contiguous(batch_var),
                 k = contiguous(kept);
    const char* const memory = data<char>(k);
    const bool has_logits = sizes.logits && kept.numel() == sizes.bytes();
    const Tensor padded = torch::stable::new_empty(a.hidden, {3, plan.row});
    T *const lse = mutable_data<T>(padded), *const grad = lse + plan.row,
             *const total = grad + plan.row;
    bow_product_rows(batch, data<T>(g), reinterpret_cast<const T*>(memory), plan.row, lse, grad,
                     total);
    const Tensor partial =
        torch::stable::new_empty(a.hidden, {hidden_gradient ? plan.groups : 0, topics * plan.row});
    const auto wanted = [](const Tensor& tensor) {
      return tensor.numel() ? mutable_data<T>(tensor) : nullptr;
    };
    if (weight_gradient) {
      prefer_huge_pages(mutable_data<T>(grad_weight), words * topics * int64_t(sizeof(T)));
    }
    const BowProductBackward<T> args{
        problem.in,
        data<T>(v),
        has_logits ? reinterpret_cast<const T*>(memory + sizes.norms) : nullptr,
        lse,
        grad,
        total,
        wanted(grad_weight),
        wanted(grad_bias),
        wanted(grad_scale),
        wanted(grad_shift),
        wanted(partial)};
    problem.run(args, problem.kernels.backward, plan.backward_scratch);
    if (!hidden_gradient) return;
    constexpr double addition_ns = .2;
    const double work = addition_ns * double(plan.groups * topics * documents);
    parallel_blocks(documents, 64, work, [&](int64_t first, int64_t last) {
      problem.kernels.merge_grad_hidden(args, mutable_data<T>(grad_hidden), first, last);
    });
  });
  return {grad_hidden, grad_weight, grad_bias, grad_scale, grad_shift};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "bow_product_log_likelihood(Tensor hidden, Tensor weight, Tensor? bias, Tensor indptr,"
      " Tensor indices, Tensor counts, Tensor? order, bool batch_norm, Tensor? mean, Tensor? var,"
      " Tensor? scale, Tensor? shift, float eps, int precision, bool keep)"
      " -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "bow_product_log_likelihood_backward(Tensor grad_log_likelihood, Tensor hidden,"
      " Tensor weight, Tensor? bias, Tensor indptr, Tensor indices, Tensor counts, Tensor? order,"
      " bool batch_norm, Tensor? mean, Tensor? var, Tensor? scale, Tensor? shift, float eps,"
      " int precision, Tensor batch_var, Tensor kept, bool hidden_gradient, bool weight_gradient)"
      " -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("bow_product_log_likelihood", TORCH_BOX(&forward));
  m.impl("bow_product_log_likelihood_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
