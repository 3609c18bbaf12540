#include "bow_product_log_likelihood.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "ops/csr_batch.h"
#include "ops/huge_pages.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "bow_product_log_likelihood";

void check_per_word(const char* name, const OptionalTensor& tensor, const Tensor& weight) {
  if (!tensor) return;
  check(tensor->dim() == 1 && tensor->size(0) == weight.size(0), op, ": ", name, " has shape ",
        shape(*tensor), ", expected [V], [", weight.size(0), "]");
}

void check_precision(int64_t precision) {
  check(precision >= 0 && precision <= 2, op, ": precision is ", precision, ", expected 0, 1 or 2");
}

struct Arguments {
  Tensor hidden, weight;
  OptionalTensor bias, mean, var, scale, shift;
  bool batch_norm;
  double eps;

  bool batch_statistics() const { return batch_norm && !mean; }
};

// Checks, and makes what the kernels read contiguous.
Arguments checked(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias,
                  bool batch_norm, const OptionalTensor& mean, const OptionalTensor& var,
                  const OptionalTensor& scale, const OptionalTensor& shift, double eps) {
  check(hidden.dim() == 2, op, ": hidden has shape ", shape(hidden), ", expected [B, K]");
  check(weight.dim() == 2 && weight.size(1) == hidden.size(1), op, ": weight has shape ",
        shape(weight), ", expected [V, K] with K = ", hidden.size(1), ", that of hidden");
  check(weight.size(0) > 0 && weight.size(1) > 0, op, ": weight has shape ", shape(weight),
        ", expected at least one word and one topic");
  check_same_dtype(op, "weight", weight, "hidden", hidden);
  const std::pair<const char*, const OptionalTensor*> per_word[] = {
      {"bias", &bias}, {"mean", &mean}, {"var", &var}, {"scale", &scale}, {"shift", &shift}};
  for (const auto& [name, tensor] : per_word) {
    if (!*tensor) continue;
    check_per_word(name, *tensor, weight);
    check_same_dtype(op, name, **tensor, "hidden", hidden);
    check(batch_norm || tensor == &bias, op, ": ", name, " is given, but batch_norm is false");
  }
  check(mean.has_value() == var.has_value(), op, ": ", mean ? "mean" : "var", " is given without ",
        mean ? "var" : "mean");
  check(eps >= 0 && std::isfinite(eps), op, ": eps is ", eps, ", expected a finite number >= 0");
  return {contiguous(hidden),
          contiguous(weight),
          contiguous_or_none(bias),
          contiguous_or_none(mean),
          contiguous_or_none(var),
          contiguous_or_none(scale),
          contiguous_or_none(shift),
          batch_norm,
          eps};
}

// Checks the forward's results and what it kept.
void check_backward(const Arguments& a, const Tensor& grad_log_likelihood, const Tensor& batch_var,
                    const Tensor& kept) {
  const int64_t documents = a.hidden.size(0);
  check(grad_log_likelihood.dim() == 1 && grad_log_likelihood.size(0) == documents, op,
        ": grad_log_likelihood has shape ", shape(grad_log_likelihood), ", expected [", documents,
        "]");
  check_same_dtype(op, "grad_log_likelihood", grad_log_likelihood, "hidden", a.hidden);
  check(batch_var.numel() == (a.batch_statistics() ? a.weight.size(0) : 0), op,
        ": the batch's variance has shape ", shape(batch_var));
  check_same_dtype(op, "the batch's variance", batch_var, "hidden", a.hidden);
  check_same_device(op, "kept", kept, "hidden", a.hidden);
  check(kept.scalar_type() == ScalarType::Byte, op, ": kept must be uint8, got ", dtype(kept));
}

template <class Device, class T>
Batch<Device, T> batch_of(const Arguments& a, const Tensor& indptr, const Tensor& indices,
                          const Tensor& counts) {
  Batch<Device, T> batch(op, NotingOp::bow_product_log_likelihood, indptr, indices, counts,
                         a.weight.size(0), "hidden", a.hidden);
  check(indptr.size(0) == a.hidden.size(0) + 1, op, ": indptr has ", indptr.size(0),
        " elements, expected ", a.hidden.size(0) + 1, ", one more than hidden has rows");
  return batch;
}

template <class T>
BowProductLogits<T> logits_of(const Arguments& a) {
  return {data<T>(a.hidden),        data<T>(a.weight),
          data_or_null<T>(a.bias),  data_or_null<T>(a.mean),
          data_or_null<T>(a.var),   data_or_null<T>(a.scale),
          data_or_null<T>(a.shift), T(a.eps),
          a.batch_statistics(),     a.hidden.size(0),
          a.hidden.size(1),         a.weight.size(0)};
}

// What the forward writes.
struct Outputs {
  Tensor log_likelihood;         // [B]
  Tensor batch_mean, batch_var;  // [V] or empty
  Tensor kept;                   // bytes for the backward, or empty
};

// What the backward reads, contiguous, and writes; gradients that nobody asks for are empty.
struct Gradients {
  Tensor log_likelihood, batch_var, kept;
  Tensor hidden, weight, bias, scale, shift;
};

template <class T>
T* data_if_any(const Tensor& tensor) {
  return tensor.numel() ? mutable_data<T>(tensor) : nullptr;
}

template <class T>
int64_t kept_bytes(const Cpu&, const Arguments& a) {
  return BowProductKept<T>(a.hidden.size(0), a.weight.size(0)).bytes();
}

template <class T>
int64_t kept_bytes(const Cuda&, const Arguments& a) {
  return bow_product_kept_numbers(a.hidden.size(0), a.hidden.size(1)) * int64_t(sizeof(T));
}

// -- on the CPU -----------------------------------------------------------------------------------

template <class T>
BowProductKernels<T> kernels_for(int64_t precision) {
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
  ByWord<Cpu, T> order;
  BowProductPlan plan;
  std::vector<int64_t> group_starts;
  Tensor hidden_mean, packed_hidden;
  BowProductInputs<T> in;

  Problem(const Cpu& cpu, const Arguments& a, const Batch<Cpu, T>& batch, const Order& given,
          int64_t precision)
      : kernels(kernels_for<T>(precision)),
        order(op, cpu, batch, given),
        plan(kernels.plan(a.hidden.size(0), a.hidden.size(1), a.weight.size(0))),
        hidden_mean(torch::stable::new_empty(a.hidden, {a.hidden.size(1)})),
        packed_hidden(torch::stable::new_empty(a.hidden, {plan.packed_hidden})) {
    const WordOrder<T>& nonzeros = order.view();
    const int64_t words = a.weight.size(0), block = plan.block_words;
    for (int64_t group = 0; group <= plan.groups; ++group) {
      const int64_t word = group * ((words + block - 1) / block) / plan.groups * block;
      const int32_t* const end = nonzeros.words + nonzeros.nonzeros;
      group_starts.push_back(std::lower_bound(nonzeros.words, end, word) - nonzeros.words);
    }
    in = {logits_of<T>(a),        nonzeros, group_starts.data(), data<T>(hidden_mean),
          data<T>(packed_hidden), plan};
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

// The norm of each document from its groups' maxima and totals.
template <class T>
void merge_groups(const BowProductForward<T>& args, DocumentNorm* norms) {
  const BowProductPlan& plan = args.in.plan;
  for (int64_t d = 0; d < args.in.documents; ++d) {
    T max = args.group_max[d];
    for (int64_t g = 1; g < plan.groups; ++g) {
      const T other = args.group_max[g * plan.row + d];
      max = other > max ? other : max;
    }
    double sum = 0;
    for (int64_t g = 0; g < plan.groups; ++g) {
      const int64_t i = g * plan.row + d;
      sum += double(args.group_sum[i]) * std::exp(double(args.group_max[i]) - double(max));
    }
    norms[d] = {double(max), std::log(sum)};
  }
}

// log_likelihood [documents], and what is kept of the norms unless kept is null: log sum exp of the
// logits and its rounding error, [2, documents].
template <class T>
void finish_documents(const BowProductForward<T>& args, const Csr<T>& batch,
                      const DocumentNorm* norms, T* log_likelihood, T* kept) {
  for (int64_t d = 0; d < batch.documents; ++d) {
    const auto [max, log_sum] = norms[d];
    double sum = 0;
    for (int64_t n = batch.indptr[d]; n < batch.indptr[d + 1]; ++n) {
      const double x = double(batch.counts[n]);
      if (x != 0) sum += x * ((double(args.nonzero_logits[n]) - max) - log_sum);
    }
    log_likelihood[d] = T(sum);
    if (!kept) continue;
    const T rounded = T(max + log_sum);
    const double rest = (max - double(rounded)) + log_sum;
    kept[d] = rounded;
    kept[batch.documents + d] = std::isfinite(rest) ? T(rest) : T(0);
  }
}

// Rows of the backward, padded: lse, grad and total (BowProductBackward) from the gradient
// [documents] and the norms that were kept.
template <class T>
void padded_rows_of(const Csr<T>& batch, const T* gradient, const T* kept, int64_t row, T* lse,
                    T* grad, T* total) {
  const int64_t documents = batch.documents;
  for (int64_t d = 0; d < row; ++d) {
    if (d >= documents) {
      lse[d] = std::numeric_limits<T>::infinity();  // exp(z - inf) = 0
      grad[d] = total[d] = T(0);
      continue;
    }
    double count = 0;
    for (int64_t n = batch.indptr[d]; n < batch.indptr[d + 1]; ++n) count += batch.counts[n];
    lse[d] = kept[d];
    grad[d] = gradient[d];
    // With the factor by which exp(z - lse) errs since lse was rounded: for all words the same, it
    // would be the largest error of all.
    total[d] = T(double(grad[d]) * count * std::exp(-double(kept[documents + d])));
  }
}

template <class T>
void take_likelihood(const Cpu& cpu, const Arguments& a, const Batch<Cpu, T>& batch,
                     const Order& order, int64_t precision, const Outputs& out) {
  const Problem<T> problem(cpu, a, batch, order, precision);
  const BowProductPlan& plan = problem.plan;
  const int64_t documents = a.hidden.size(0);
  const BowProductKept<T> sizes(documents, a.weight.size(0));
  char* const kept = data_if_any<char>(out.kept);
  if (kept) {  // nothing uninitialised leaves
    const int64_t used = 2 * documents * int64_t(sizeof(T));
    std::memset(kept + used, 0, size_t(sizes.norms - used));
  }
  const Tensor partial = torch::stable::new_empty(a.hidden, {2, plan.groups, plan.row});
  const Tensor logits = torch::stable::new_empty(a.hidden, {batch.view().nonzeros});
  const BowProductForward<T> args{
      problem.in,
      data_if_any<T>(out.batch_mean),
      data_if_any<T>(out.batch_var),
      mutable_data<T>(partial),
      mutable_data<T>(partial) + plan.groups * plan.row,
      mutable_data<T>(logits),
      kept && sizes.logits ? reinterpret_cast<T*>(kept + sizes.norms) : nullptr};
  problem.run(args, problem.kernels.forward, plan.forward_scratch);
  std::vector<DocumentNorm> norms(static_cast<size_t>(documents));
  merge_groups(args, norms.data());
  finish_documents(args, batch.view(), norms.data(), mutable_data<T>(out.log_likelihood),
                   reinterpret_cast<T*>(kept));
}

template <class T>
void take_gradients(const Cpu& cpu, const Arguments& a, const Batch<Cpu, T>& batch,
                    const Order& order, int64_t precision, const Gradients& grads) {
  const Problem<T> problem(cpu, a, batch, order, precision);
  const BowProductPlan& plan = problem.plan;
  const int64_t documents = a.hidden.size(0), topics = a.hidden.size(1), words = a.weight.size(0);
  const BowProductKept<T> sizes(documents, words);
  const int64_t bytes = grads.kept.numel();
  check(bytes == sizes.norms || bytes == sizes.bytes(), op, ": kept has ", bytes,
        " bytes, expected the ", sizes.bytes(), " of the forward");
  const char* const kept = data<char>(grads.kept);
  const Tensor padded = torch::stable::new_empty(a.hidden, {3, plan.row});
  T *const lse = mutable_data<T>(padded), *const grad = lse + plan.row,
           *const total = grad + plan.row;
  padded_rows_of(batch.view(), data<T>(grads.log_likelihood), reinterpret_cast<const T*>(kept),
                 plan.row, lse, grad, total);
  const bool hidden_gradient = grads.hidden.numel() > 0;
  const Tensor partial =
      torch::stable::new_empty(a.hidden, {hidden_gradient ? plan.groups : 0, topics * plan.row});
  if (grads.weight.numel()) {
    prefer_huge_pages(mutable_data<T>(grads.weight), words * topics * int64_t(sizeof(T)));
  }
  const BowProductBackward<T> args{
      problem.in,
      data<T>(grads.batch_var),
      bytes > sizes.norms ? reinterpret_cast<const T*>(kept + sizes.norms) : nullptr,
      lse,
      grad,
      total,
      data_if_any<T>(grads.weight),
      data_if_any<T>(grads.bias),
      data_if_any<T>(grads.scale),
      data_if_any<T>(grads.shift),
      data_if_any<T>(partial)};
  problem.run(args, problem.kernels.backward, plan.backward_scratch);
  if (!hidden_gradient) return;
  constexpr double addition_ns = .2;
  const double work = addition_ns * double(plan.groups * topics * documents);
  parallel_blocks(documents, 64, work, [&](int64_t first, int64_t last) {
    problem.kernels.merge_grad_hidden(args, mutable_data<T>(grads.hidden), first, last);
  });
}

// -- on CUDA --------------------------------------------------------------------------------------

// Precisions are 0, 1 and 2 for torch's "highest", "high" and "medium": products in T, three
// products of bfloat16 (one of tf32 if NTM_FAST_TF32=1 asks for it), one of bfloat16. What the
// tensor cores have no kernel for is more precise than asked.
template <class T>
Operands operands_for(int64_t precision, int64_t topics) {
  if (sizeof(T) != 4 || topics > most_packed_topics || precision == 0) return Operands::exact;
  if (precision == 2) return Operands::bf16;
  return is_asked_for("NTM_FAST_TF32") ? Operands::tf32 : Operands::bf16x3;
}

template <class T>
BowProductCuda<T> inputs(const Arguments& a, const Batch<Cuda, T>& batch, int64_t precision) {
  return {logits_of<T>(a), batch.view(), operands_for<T>(precision, a.hidden.size(1))};
}

template <class Args>
Tensor workspace(const Arguments& a, const Args& args) {
  return torch::stable::new_empty(a.hidden, {bow_product_workspace(args)}, ScalarType::Byte);
}

template <class T>
void take_likelihood(const Cuda& cuda, const Arguments& a, const Batch<Cuda, T>& batch,
                     const Order&, int64_t precision, const Outputs& out) {
  const BowProductCudaForward<T> args{
      inputs(a, batch, precision), mutable_data<T>(out.log_likelihood),
      data_if_any<T>(out.batch_mean), data_if_any<T>(out.batch_var), data_if_any<T>(out.kept)};
  const Tensor memory = workspace(a, args);
  char* const there = mutable_data<char>(memory);
  cuda.check_launch(bow_product_parts_cuda(args, there, cuda.stream()));
  cuda.check_launch(bow_product_merge_cuda(args, there, cuda.stream()));
}

template <class T>
void take_gradients(const Cuda& cuda, const Arguments& a, const Batch<Cuda, T>& batch,
                    const Order& order, int64_t precision, const Gradients& grads) {
  const int64_t bytes = grads.kept.numel(), expected = kept_bytes<T>(cuda, a);
  check(bytes == 0 || bytes == expected, op, ": kept has ", bytes, " bytes, expected the ",
        expected, " of the forward");
  const ByWord<Cuda, T> ordered(op, cuda, batch, order);
  const BowProductCudaBackward<T> args{inputs(a, batch, precision),
                                       data<T>(grads.log_likelihood),
                                       data<T>(grads.batch_var),
                                       data_if_any<T>(grads.kept),
                                       ordered.view(),
                                       data_if_any<T>(grads.hidden),
                                       data_if_any<T>(grads.weight),
                                       data_if_any<T>(grads.bias),
                                       data_if_any<T>(grads.scale),
                                       data_if_any<T>(grads.shift)};
  const Tensor memory = workspace(a, args);
  cuda.check_launch(bow_product_backward_cuda(args, mutable_data<char>(memory), cuda.stream()));
}

// -- on either ------------------------------------------------------------------------------------

// -> log likelihood [B], mean [V] without bias and biased variance [V] of the batch (empty unless
// they were computed), and if it is to be kept for the backward, the order by word (unless it was
// given) and bytes of which the kernels alone know what they are
template <class Device>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> forward(
    const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& indptr,
    const Tensor& indices, const Tensor& counts, const Order& order, bool batch_norm,
    const OptionalTensor& mean, const OptionalTensor& var, const OptionalTensor& scale,
    const OptionalTensor& shift, double eps, int64_t precision, bool keep) {
  check_order(op, order, indices);
  check_precision(precision);
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  const Device device(op, a.hidden);
  const int64_t documents = hidden.size(0);
  const int64_t statistics = a.batch_statistics() ? weight.size(0) : 0;
  Order by_word = order;
  Outputs out{torch::stable::new_empty(a.hidden, {documents}),
              torch::stable::new_zeros(a.hidden, {statistics}),
              torch::stable::new_zeros(a.hidden, {statistics}),
              torch::stable::new_empty(a.hidden, {0}, ScalarType::Byte)};
  dispatch_floating(op, "hidden", hidden, [&](auto zero) {
    using T = decltype(zero);
    const auto batch = batch_of<Device, T>(a, indptr, indices, counts);
    if (keep && !order) by_word = sorted_by_word(batch);
    if (documents == 0) return;
    if (keep) {
      const int64_t bytes = kept_bytes<T>(device, a);
      out.kept = torch::stable::new_empty(a.hidden, {bytes}, ScalarType::Byte);
    }
    take_likelihood(device, a, batch, by_word, precision, out);
  });
  const Tensor found =
      keep && !order ? *by_word : torch::stable::new_empty(a.hidden, {0}, ScalarType::Long);
  return {out.log_likelihood, out.batch_mean, out.batch_var, found, out.kept};
}

// -> gradients of hidden, weight, bias, scale and shift; empty where not wanted or not given
template <class Device>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> backward(
    const Tensor& grad_log_likelihood, const Tensor& hidden, const Tensor& weight,
    const OptionalTensor& bias, const Tensor& indptr, const Tensor& indices, const Tensor& counts,
    const Order& order, bool batch_norm, const OptionalTensor& mean, const OptionalTensor& var,
    const OptionalTensor& scale, const OptionalTensor& shift, double eps, int64_t precision,
    const Tensor& batch_var, const Tensor& kept, bool hidden_gradient, bool weight_gradient) {
  check_order(op, order, indices);
  check_precision(precision);
  const Arguments a = checked(hidden, weight, bias, batch_norm, mean, var, scale, shift, eps);
  check_backward(a, grad_log_likelihood, batch_var, kept);
  const Device device(op, a.hidden);
  const int64_t documents = hidden.size(0);
  const auto like = [&](bool wanted, const Tensor& tensor) {
    if (!wanted) return torch::stable::new_empty(tensor, {0});
    return documents > 0 ? torch::stable::empty_like(tensor)
                         : torch::stable::new_zeros(tensor, tensor.sizes());
  };
  const auto per_word = [&](const OptionalTensor& tensor) {
    return tensor ? like(true, *tensor) : torch::stable::new_empty(a.weight, {0});
  };
  const Gradients grads{contiguous(grad_log_likelihood),
                        contiguous(batch_var),
                        contiguous(kept),
                        like(hidden_gradient, a.hidden),
                        like(weight_gradient, a.weight),
                        per_word(a.bias),
                        per_word(a.scale),
                        per_word(a.shift)};
  dispatch_floating(op, "hidden", hidden, [&](auto zero) {
    using T = decltype(zero);
    const auto batch = batch_of<Device, T>(a, indptr, indices, counts);
    if (documents > 0) take_gradients(device, a, batch, order, precision, grads);
  });
  return {grads.hidden, grads.weight, grads.bias, grads.scale, grads.shift};
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
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

NTM_FAST_KERNELS(m) {
  m.impl("bow_product_log_likelihood", TORCH_BOX(&forward<Device>));
  m.impl("bow_product_log_likelihood_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
