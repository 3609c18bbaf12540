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
// dense half is recomputed from lse and the sparse half comes from the nonzeros in word order,
//     M_v = Σ_d G_dv h_d,   a_v = Σ_d G_dv,   b_v = Σ_d G_dv (z_dv - shift_v) / scale_v
//                                                 = (W_v · M_v - c_v a_v) / σ_v,
// grad_shift = a, grad_scale = b, grad_bias = s a, grad_weight_v = s_v M_v, and
// grad_hidden_d = Σ_v G_dv W'_v = g_d residual_d =: y_d needs no further pass. No sum of floats
// depends on the order of threads. Through the statistics of the batch, with the normalised logit
// n_dv = h_d · W_v / σ_v, the gradient of the plain logit is s_v (G_dv - a_v / B - n_dv b_v / B),
// so
//     grad_weight_v = s_v M_v - t_v C W_v,   t_v = s_v b_v / σ_v   (a_v drops out: Σ_d h_d = 0)
//     grad_hidden_d = y_d - mean_e y_e - Q h_d / B,   Q = Σ_v t_v W_v W_vᵀ
//                                                        (Σ_v a_v W'_v = Σ_e y_e)
// and grad_bias = 0. tests/ops/test_bow_product_closed_form.py holds this to automatic
// differentiation.
//
// Memory beyond the gradients: W' [V, K] where s is not 1, a bounded number of parts of [B, K] (or,
// when there are few words, of [V, K]) and vectors.

#include <type_traits>

#include "cuda/bow_product_log_likelihood/pieces.cuh"
#include "cuda/launch.cuh"

namespace ntm_fast {

using namespace bow_product;

namespace {

// Hands out pieces of the workspace; without memory it only counts them.
class Workspace {
 public:
  explicit Workspace(void* memory) : memory_(static_cast<char*>(memory)) {}
  template <class T>
  T* take(int64_t n, bool wanted = true) {
    if (!wanted) return nullptr;
    T* const piece = reinterpret_cast<T*>(memory_ + used_);
    used_ += divide_up(n * int64_t(sizeof(T)), 256) * 256;
    return memory_ ? piece : nullptr;
  }
  int64_t used() const { return used_; }

 private:
  char* memory_;
  int64_t used_ = 0;
};

// Calls each step until one fails.
template <class... Steps>
int in_order(const Steps&... steps) {
  int error = 0;
  ((error = error ? error : steps()), ...);
  return error;
}

template <class T>
bool scales(const BowProductCuda<T>& in) {
  return in.batch_statistics || in.mean;
}

// Shared by forward and backward: centered hidden and scaled words.
template <class T>
struct Common {
  const BowProductCuda<T>& in;
  T *means, *centered, *covariance, *partial;
  WordScale<T> words;
  char *packed_hidden, *packed_words, *packed_matrix;  // on the tensor cores

  Common(const BowProductCuda<T>& inputs, bool needs_covariance, Workspace& memory) : in(inputs) {
    const bool batch = in.batch_statistics;
    const int64_t K = in.topics;
    means = memory.take<T>(K, batch);
    centered = memory.take<T>(in.documents * K, batch);
    covariance = memory.take<T>(K * K, batch && needs_covariance);
    partial = memory.take<T>(gram_parts(in.documents, K) * K * K, batch && needs_covariance);
    words.slope = memory.take<T>(in.words);
    words.inverse_std = memory.take<T>(in.words);
    words.offset = memory.take<T>(in.words);
    words.scaled = memory.take<T>(in.words * K, scales(in) && !packs());
    const auto packed = [&](Operands operands, int64_t n, bool wanted) {
      return memory.take<char>(packed_bytes(operands, n, K), packs() && wanted);
    };
    packed_hidden = packed(in.operands, in.documents, true);
    packed_words = packed(in.operands, in.words, true);
    packed_matrix = packed(matrix_operands, K, batch);
  }
  bool packs() const { return in.operands != Operands::exact; }
  const T* hidden() const { return in.batch_statistics ? centered : in.hidden; }
  const T* scaled() const { return words.scaled ? words.scaled : in.weight; }

  int center(void* stream) const {
    return in.batch_statistics ? center_hidden(in, means, centered, stream) : 0;
  }
  // The words' scales and scaled copies, from batch_var where that has been computed; where it has
  // not, batch_mean is not null and both are computed here.
  int prepare(T* batch_mean, T* batch_var, void* stream) const {
    const int64_t B = in.documents, K = in.topics, V = in.words;
    const bool variances = in.batch_statistics && batch_mean;
    const auto scale = [&] {
      return scale_words<T>(in, means, batch_var, batch_mean, words, stream);
    };
    if constexpr (std::is_same_v<T, float>) {
      const auto pack_hidden = [&] {
        return pack(hidden(), nullptr, true, B, K, in.operands, packed_hidden, stream);
      };
      if (packs() && variances) {
        return in_order(
            pack_hidden, [&] { return pack_matrix(covariance, stream); },
            [&] {
              return prepare_words(in, packed_matrix, means, batch_mean, batch_var, words,
                                   packed_words, stream);
            });
      }
      if (packs()) {
        return in_order(pack_hidden, scale, [&] {
          return pack(in.weight, words.slope, false, V, K, in.operands, packed_words, stream);
        });
      }
    }
    const auto quadratic = [&] {
      return variances ? quadratic_forms<T>(in.weight, covariance, V, K, batch_var, stream) : 0;
    };
    return in_order(quadratic, scale);
  }
  int run(const Pass<T>& pass, void* stream) const {
    if constexpr (std::is_same_v<T, float>) {
      if (packs()) {
        return run_packed_pass(pass, in.operands, pass.forward ? packed_hidden : packed_words,
                               pass.forward ? packed_words : packed_hidden, stream);
      }
    }
    return run_pass(pass, stream);
  }
  int covariances(void* stream) const {
    if (!covariance) return 0;
    return gram<T>(hidden(), nullptr, in.documents, in.topics, T(1) / T(in.documents), packs(),
                   partial, covariance, stream);
  }
  int pack_matrix(const T* matrix, void* stream) const {
    const int64_t K = in.topics;
    if constexpr (std::is_same_v<T, float>) {
      return pack(matrix, nullptr, false, K, K, matrix_operands, packed_matrix, stream);
    }
    return 0;
  }
  // out[r] -= (row_scale[r] or scale) matrix x_r + shift
  int subtract(const T* x, const T* matrix, const T* row_scale, T scale, const T* shift, int64_t n,
               T* out, void* stream) const {
    if constexpr (std::is_same_v<T, float>) {
      if (packs()) {
        const int error = pack_matrix(matrix, stream);
        if (error) return error;
        return subtract_packed_products(x, packed_matrix, row_scale, scale, shift, n, in.topics,
                                        out, stream);
      }
    }
    return subtract_products<T>(x, matrix, row_scale, scale, shift, n, in.topics, out, stream);
  }
};

// The pass over documents, and each document's results from it.
template <class T>
struct Documents {
  int64_t parts;
  T *sums, *maxima, *totals, *kept;

  Documents(const BowProductCuda<T>& in, bool needed, bool needs_residual, T* keep,
            Workspace& memory)
      : parts(parts_of(in.documents, in.words, in.topics, in.operands)) {
    const int64_t B = in.documents, K = in.topics;
    sums = memory.take<T>(parts * B * K, needed && needs_residual);
    maxima = memory.take<T>(parts * B, needed);
    totals = memory.take<T>(parts * B, needed);
    kept = keep ? keep : memory.take<T>(B * (K + 2), needed);
  }
  // Maximum, total and weighted sum of each part.
  int pass_over_words(const Common<T>& common, void* stream) const {
    const BowProductCuda<T>& in = common.in;
    const int64_t B = in.documents, K = in.topics;
    const Pass<T> pass{
        true,    common.hidden(), common.scaled(), B,     in.words, K,      common.words.offset,
        nullptr, nullptr,         nullptr,         parts, sums,     maxima, totals};
    return common.run(pass, stream);
  }
  // The parts merged.
  int merge(const Common<T>& common, T* log_likelihood, void* stream) const {
    const BowProductCuda<T>& in = common.in;
    const int64_t B = in.documents, K = in.topics;
    T* const max = kept ? kept + B * K : nullptr;
    const DocumentTerms<T> terms{in,
                                 common.hidden(),
                                 common.words.slope,
                                 common.words.offset,
                                 parts,
                                 sums,
                                 maxima,
                                 totals,
                                 log_likelihood,
                                 max,
                                 kept ? max + B : nullptr,
                                 sums ? kept : nullptr};
    return document_terms(terms, stream);
  }
};

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
  // If the forward kept nothing, its pass is run again.
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
