#pragma once
// The steps that forward and backward of bow_product_log_likelihood share, each on its pieces of
// the workspace. What the names mean is told in bow_product_log_likelihood.cu.

#include <type_traits>

#include "bow_product.cuh"
#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

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

// What forward and backward share: centered hidden and scaled words.
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

// The pass over documents, and what becomes of it.
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

}  // namespace bow_product
}  // namespace ntm_fast
