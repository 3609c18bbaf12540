// bow_product_log_likelihood on CUDA: which kernels run, in which order, on which memory.
//
// B documents, K topics, V words, x_dv counts, N_d = Σ_v x_dv. The logits z [B, V] are never
// stored:
//     z_dv = h_d · W'_v + o_v,   W'_v = s_v W_v,   o_v = shift_v - c_v s_v
// with h = hidden, c = -bias and s = 1; with statistics given c = mean - bias, s = scale σ⁻¹ and
// σ² = var + eps; with those of the batch h = hidden - its mean, c = 0 (the mean takes the bias
// away), and since logits are linear in hidden, var_v = W_vᵀ C W_v with the covariance C = hᵀh / B.
//
// Forward, "flash split": documents are rows, words are streamed, as queries and as keys = values
// of attention. It gives lse_d and E_d = Σ_v p_dv W'_v, hence with u_d = Σ_v x_dv W'_v
//     LL_d = h_d · u_d + Σ_v x_dv o_v - N_d lse_d,   residual_d = u_d - N_d E_d.
// Backward: words are rows, documents are streamed. With G_dv = g_d (x_dv - N_d p_dv), of which the
// dense half is computed anew from lse and the sparse half comes from the nonzeros in word order,
//     M_v = Σ_d G_dv h_d,   a_v = Σ_d G_dv,   b_v = Σ_d G_dv (z_dv - shift_v) / scale_v
//                                                 = (W_v · M_v - c_v a_v) / σ_v,
// grad_shift = a, grad_scale = b, grad_bias = s a, grad_weight_v = s_v M_v, and
// grad_hidden_d = Σ_v G_dv W'_v = g_d residual_d =: y_d needs no further pass. No sum of floats
// depends on the order of threads. Through the statistics of the batch, with the normalised logit
// n_dv = h_d · W_v / σ_v, the gradient of the plain logit is s_v (G_dv - a_v / B - n_dv b_v / B),
// so
//     grad_weight_v = s_v M_v - t_v C W_v,   t_v = s_v b_v / σ_v   (a_v drops out: Σ_d h_d = 0)
//     grad_hidden_d = y_d - mean_e y_e - Q h_d / B,   Q = Σ_v t_v W_v W_vᵀ   (Σ_v a_v W'_v = Σ_e
//     y_e)
// and grad_bias = 0. tests/ops/test_bow_product_closed_form.py holds this to automatic
// differentiation.
//
// Memory beyond the gradients: W' [V, K] where s is not 1, a bounded number of parts of [B, K] (or,
// when there are few words, of [V, K]) and vectors.

#include "bow_product_steps.cuh"

namespace ntm_fast {

using namespace bow_product;

namespace {

template <class T>
struct Forward {
  const BowProductCudaForward<T>& args;
  Common<T> common;
  Documents<T> documents;

  Forward(const BowProductCudaForward<T>& all, Workspace& memory)
      : args(all),
        common(args.in, true, memory),
        documents(args.in, true, args.kept, args.kept, memory) {}
  int parts(void* stream) const {
    return in_order([&] { return common.center(stream); },
                    [&] { return common.covariances(stream); },
                    [&] { return common.prepare(args.batch_mean, args.batch_var, stream); },
                    [&] { return documents.pass_over_words(common, stream); });
  }
  int merge(void* stream) const { return documents.merge(common, args.log_likelihood, stream); }
};

template <class T>
int backward(const BowProductCudaBackward<T>& args, Workspace& memory, bool run, void* stream) {
  const BowProductCuda<T>& in = args.in;
  const int64_t B = in.documents, K = in.topics, V = in.words,
                parts = parts_of(V, B, K, in.operands);
  const bool batch = in.batch_statistics;
  const bool through_batch = batch && (args.grad_hidden || args.grad_weight);
  const bool moments = args.grad_weight || args.grad_scale || through_batch;
  const bool per_word = moments || args.grad_bias || args.grad_shift;
  const Common<T> common(in, through_batch, memory);
  // Without what the forward keeps, its pass is run again.
  const bool anew = !args.kept && (args.grad_hidden || per_word);
  const Documents<T> documents(in, anew, args.grad_hidden, nullptr, memory);
  const T* const residual = args.kept ? args.kept : documents.kept;
  T* const column_scale = memory.take<T>(B);
  const bool in_place = args.grad_weight && parts == 1;
  T* const sums = in_place ? args.grad_weight : memory.take<T>(parts * V * K, moments);
  T* const totals = memory.take<T>(parts * V, per_word);
  int32_t* const starts = memory.take<int32_t>(V + 1, per_word);
  T* const tilt = memory.take<T>(V, through_batch);
  T* const grams = memory.take<T>(gram_parts(V, K) * K * K, through_batch && args.grad_hidden);
  T* const matrix = memory.take<T>(K * K, through_batch && args.grad_hidden);
  T* const mean = memory.take<T>(K, through_batch && args.grad_hidden);
  if (!run) return 0;
  return in_order(
      [&] { return common.center(stream); }, [&] { return common.covariances(stream); },
      [&] { return common.prepare(nullptr, const_cast<T*>(args.batch_var), stream); },
      [&] {
        if (!anew) return 0;
        const int error = documents.pass_over_words(common, stream);
        return error ? error : documents.merge(common, nullptr, stream);
      },
      [&] { return document_gradients(args, residual, column_scale, args.grad_hidden, stream); },
      [&] {
        if (!per_word) return 0;
        const Pass<T> pass{false,
                           common.scaled(),
                           common.hidden(),
                           V,
                           B,
                           K,
                           common.words.offset,
                           residual + B * K,
                           residual + B * (K + 1),
                           column_scale,
                           parts,
                           sums,
                           nullptr,
                           totals};
        return common.run(pass, stream);
      },
      [&] {
        if (!per_word) return 0;
        return word_starts(args.order.words, args.order.nonzeros, V, starts, stream);
      },
      [&] {
        if (!per_word) return 0;
        const WordTerms<T> terms{args, common.hidden(), starts,           common.words, parts,
                                 sums, totals,          args.grad_weight, tilt};
        return word_terms(terms, stream);
      },
      [&] {
        if (!through_batch || !args.grad_weight) return 0;
        return common.subtract(in.weight, common.covariance, tilt, T(0), nullptr, V,
                               args.grad_weight, stream);
      },
      [&] {
        if (!through_batch || !args.grad_hidden) return 0;
        const int error =
            gram<T>(in.weight, tilt, V, K, T(1) / T(B), common.packs(), grams, matrix, stream);
        if (error) return error;
        return column_means<T>(args.grad_hidden, B, K, mean, stream);
      },
      [&] {
        if (!through_batch || !args.grad_hidden) return 0;
        return common.subtract(common.hidden(), matrix, nullptr, T(1), mean, B, args.grad_hidden,
                               stream);
      });
}

}  // namespace

template <class T>
int64_t bow_product_workspace(const BowProductCudaForward<T>& args) {
  Workspace memory(nullptr);
  Forward<T>(args, memory);
  return memory.used();
}

template <class T>
int64_t bow_product_workspace(const BowProductCudaBackward<T>& args) {
  Workspace memory(nullptr);
  backward(args, memory, false, nullptr);
  return memory.used();
}

template <class T>
int bow_product_parts_cuda(const BowProductCudaForward<T>& args, void* workspace, void* stream) {
  Workspace memory(workspace);
  return Forward<T>(args, memory).parts(stream);
}

template <class T>
int bow_product_merge_cuda(const BowProductCudaForward<T>& args, void* workspace, void* stream) {
  Workspace memory(workspace);
  return Forward<T>(args, memory).merge(stream);
}

template <class T>
int bow_product_backward_cuda(const BowProductCudaBackward<T>& args, void* workspace,
                              void* stream) {
  Workspace memory(workspace);
  return backward(args, memory, true, stream);
}

#define INSTANTIATE(T)                                                                \
  template int64_t bow_product_workspace(const BowProductCudaForward<T>&);            \
  template int64_t bow_product_workspace(const BowProductCudaBackward<T>&);           \
  template int bow_product_parts_cuda(const BowProductCudaForward<T>&, void*, void*); \
  template int bow_product_merge_cuda(const BowProductCudaForward<T>&, void*, void*); \
  template int bow_product_backward_cuda(const BowProductCudaBackward<T>&, void*, void*);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace ntm_fast
