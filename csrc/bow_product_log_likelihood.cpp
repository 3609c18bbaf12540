#include "bow_product_log_likelihood.h"

#include <cmath>
#include <limits>
#include <tuple>

#include "bow_product_checks.h"
#include "csr.h"
#include "huge_pages.h"
#include "tensors.h"

namespace ntm_fast {

namespace {

using namespace bow_product;

// What forward and backward share: the batch by words, the cut into tiles, the packed hidden.
template <class T>
struct Problem {
  CsrBatch<T> batch;
  WordOrdered<T> order;
  BowProductPlan plan;
  std::vector<int64_t> tile_starts;
  std::vector<int32_t> panels;
  BowProductInputs<T> in;
  Tensor packed_hidden;

  Problem(const Arguments& a, const Tensor& indptr, const Tensor& indices, const Tensor& counts)
      : batch(op, indptr, indices, counts, a.weight.size(0)),
        order(batch.view()),
        plan(NTM_FAST_CPU_CALL(bow_product_plan<T>)(a.hidden.size(0), a.hidden.size(1),
                                                    a.weight.size(0))),
        tile_starts(order.tile_starts(plan.tile_words)),
        panels(2 * a.hidden.size(0)),
        packed_hidden(torch::stable::new_empty(a.hidden, {plan.packed_hidden})) {
    check(batch.view().documents == a.hidden.size(0), op, ": indptr has ",
          batch.view().documents + 1, " elements, expected ", a.hidden.size(0) + 1,
          ", one more than hidden has rows");
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
          a.weight.size(0),
          order.view(),
          panels.data(),
          panels.data() + a.hidden.size(0),
          tile_starts.data(),
          plan.tile_words,
          plan.tiles,
          plan.groups};
    NTM_FAST_CPU_CALL(bow_product_pack<T>)(in, mutable_data<T>(packed_hidden), panels.data(),
                                           panels.data() + a.hidden.size(0));
  }

  // Runs kernel(args, group, scratch) for every group, each thread with scratch of its own.
  template <class Args>
  void run(const Args& args, void (*kernel)(const Args&, int64_t, T*), int64_t scratch_size) const {
    const int64_t threads = torch::stable::get_num_threads();
    const Tensor scratch = torch::stable::new_empty(packed_hidden, {threads, scratch_size});
    T* memory = mutable_data<T>(scratch);
    parallel_blocks(plan.groups, 1, [&](int64_t group, int64_t) {
      kernel(args, group, memory + thread_index() * scratch_size);
    });
  }
};

// log sum exp of each document from the groups' partial maxima and sums.
template <class T>
void merge_groups(const BowProductForward<T>& args, const BowProductPlan& plan, double* lse) {
  parallel_blocks(args.in.documents, 64, [&](int64_t first, int64_t last) {
    for (int64_t d = first; d < last; ++d) {
      T max = args.group_max[d];
      for (int64_t g = 1; g < plan.groups; ++g) {
        const T other = args.group_max[g * plan.padded_documents + d];
        max = other > max ? other : max;
      }
      double sum = 0;
      for (int64_t g = 0; g < plan.groups; ++g) {
        const int64_t i = g * plan.padded_documents + d;
        sum += double(args.group_sum[i]) * std::exp(double(args.group_max[i]) - double(max));
      }
      lse[d] = double(max) + std::log(sum);
    }
  });
}

// -> log likelihood [B], mean [V] without bias and biased variance [V] of the batch (empty unless
// they were computed), log sum exp of the logits [B]
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& hidden, const Tensor& weight,
                                                   const OptionalTensor& bias, const Tensor& indptr,
                                                   const Tensor& indices, const Tensor& counts,
                                                   bool batch_norm, const OptionalTensor& mean,
                                                   const OptionalTensor& var,
                                                   const OptionalTensor& scale,
                                                   const OptionalTensor& shift, double eps) {
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  const int64_t documents = hidden.size(0);
  const int64_t statistics = a.batch_statistics() ? weight.size(0) : 0;
  const Tensor log_likelihood = torch::stable::new_empty(a.hidden, {documents}),
               batch_mean = torch::stable::new_zeros(a.hidden, {statistics}),
               batch_var = torch::stable::new_zeros(a.hidden, {statistics}),
               lse = torch::stable::new_empty(a.hidden, {documents});
  dispatch_floating(op, "hidden", hidden, [&](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem(a, indptr, indices, counts);
    if (documents == 0) return;
    const BowProductPlan& plan = problem.plan;
    const Csr<T>& batch = problem.batch.view();
    const Tensor partial =
        torch::stable::new_empty(a.hidden, {2, plan.groups, plan.padded_documents});
    const Tensor logits = torch::stable::new_empty(a.hidden, {batch.nonzeros});
    const BowProductForward<T> args{problem.in,
                                    data<T>(problem.packed_hidden),
                                    statistics ? mutable_data<T>(batch_mean) : nullptr,
                                    statistics ? mutable_data<T>(batch_var) : nullptr,
                                    mutable_data<T>(partial),
                                    mutable_data<T>(partial) + plan.groups * plan.padded_documents,
                                    mutable_data<T>(logits)};
    problem.run(args, NTM_FAST_CPU_CALL(bow_product_forward<T>), plan.forward_scratch);
    std::vector<double> wide_lse(documents);
    merge_groups(args, plan, wide_lse.data());
    for (int64_t d = 0; d < documents; ++d) {
      double sum = 0;
      for (int64_t n = batch.indptr[d]; n < batch.indptr[d + 1]; ++n) {
        const double x = double(batch.counts[n]);
        if (x != 0) sum += x * (double(args.nonzero_logits[n]) - wide_lse[d]);
      }
      mutable_data<T>(log_likelihood)[d] = T(sum);
      mutable_data<T>(lse)[d] = T(wide_lse[d]);
    }
  });
  return {log_likelihood, batch_mean, batch_var, lse};
}

// -> gradients of hidden, weight, bias, scale and shift; empty where not wanted or not given
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> backward(
    const Tensor& grad_log_likelihood, const Tensor& hidden, const Tensor& weight,
    const OptionalTensor& bias, const Tensor& indptr, const Tensor& indices, const Tensor& counts,
    bool batch_norm, const OptionalTensor& mean, const OptionalTensor& var,
    const OptionalTensor& scale, const OptionalTensor& shift, double eps, const Tensor& batch_mean,
    const Tensor& batch_var, const Tensor& lse, bool hidden_gradient, bool weight_gradient) {
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  const int64_t documents = hidden.size(0), topics = hidden.size(1), words = weight.size(0);
  check_backward(a, grad_log_likelihood, batch_mean, batch_var, lse);
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
    const Problem<T> problem(a, indptr, indices, counts);
    if (documents == 0) return;
    const BowProductPlan& plan = problem.plan;
    const Csr<T>& batch = problem.batch.view();
    const Tensor g = contiguous(grad_log_likelihood), l = contiguous(lse),
                 m = contiguous(batch_mean), v = contiguous(batch_var);
    const Tensor padded = torch::stable::new_zeros(a.hidden, {3, plan.padded_documents});
    T* const padded_lse = mutable_data<T>(padded);
    T* const grad = padded_lse + plan.padded_documents;
    T* const total = grad + plan.padded_documents;
    for (int64_t d = 0; d < plan.padded_documents; ++d) {
      // exp(z - inf) = 0 in the padding
      padded_lse[d] = d < documents ? data<T>(l)[d] : std::numeric_limits<T>::infinity();
      if (d >= documents) continue;
      double count = 0;
      for (int64_t n = batch.indptr[d]; n < batch.indptr[d + 1]; ++n) count += batch.counts[n];
      grad[d] = data<T>(g)[d];
      total[d] = T(double(grad[d]) * count);
    }
    const Tensor partial = torch::stable::new_zeros(
        a.hidden, {hidden_gradient ? plan.groups : 0, topics * plan.padded_documents});
    const auto wanted = [](const Tensor& tensor) {
      return tensor.numel() ? mutable_data<T>(tensor) : nullptr;
    };
    if (weight_gradient) {
      prefer_huge_pages(mutable_data<T>(grad_weight), words * topics * int64_t(sizeof(T)));
    }
    const BowProductBackward<T> args{problem.in,
                                     data<T>(problem.packed_hidden),
                                     data<T>(m),
                                     data<T>(v),
                                     padded_lse,
                                     grad,
                                     total,
                                     wanted(grad_weight),
                                     wanted(grad_bias),
                                     wanted(grad_scale),
                                     wanted(grad_shift),
                                     wanted(partial)};
    problem.run(args, NTM_FAST_CPU_CALL(bow_product_backward<T>), plan.backward_scratch);
    if (!hidden_gradient) return;
    const auto merge = NTM_FAST_CPU_CALL(bow_product_merge_grad_hidden<T>);
    parallel_blocks(plan.document_panels, 1, [&](int64_t panel, int64_t) {
      merge(args, mutable_data<T>(grad_hidden), panel);
    });
  });
  return {grad_hidden, grad_weight, grad_bias, grad_scale, grad_shift};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "bow_product_log_likelihood(Tensor hidden, Tensor weight, Tensor? bias, Tensor indptr,"
      " Tensor indices, Tensor counts, bool batch_norm, Tensor? mean, Tensor? var, Tensor? scale,"
      " Tensor? shift, float eps) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "bow_product_log_likelihood_backward(Tensor grad_log_likelihood, Tensor hidden,"
      " Tensor weight, Tensor? bias, Tensor indptr, Tensor indices, Tensor counts,"
      " bool batch_norm, Tensor? mean, Tensor? var, Tensor? scale, Tensor? shift, float eps,"
      " Tensor batch_mean, Tensor batch_var, Tensor lse, bool hidden_gradient,"
      " bool weight_gradient) -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("bow_product_log_likelihood", TORCH_BOX(&forward));
  m.impl("bow_product_log_likelihood_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
