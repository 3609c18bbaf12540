// The matrix products of the product decoder in the arithmetic of T. The loops over words (loops.h)
// take them from an engine: another arithmetic is another class with these members
// (engine_bf16.cpp).

#include "cpu/bow_product_log_likelihood/loops.h"
#include "cpu/simd/panel_gemm.h"

NTM_FAST_ISA_BEGIN

template <class T>
class PanelEngine {
 public:
  using Element = T;
  static constexpr int64_t block_words = 12;  // that raw_logits and grad_weight do best with

  static int64_t packed_size(int64_t documents, int64_t topics) {
    return topics * Panels<T>(documents).columns() + documents * Panels<T>(topics).columns();
  }

  // hidden [documents, topics] by panels of documents, each [topics, width], and by panels of
  // topics, each [documents, width]; zeros in the padding.
  static void pack(int64_t documents, int64_t topics, const T* hidden, T* packed) {
    const Panels<T> by_document(documents), by_topic(topics);
    for (int64_t p = 0; p < by_document.count; ++p, packed += topics * by_document.most) {
      const int64_t first = p * by_document.most, width = by_document.width(p);
      for (int64_t k = 0; k < topics; k += 16) {  // few rows at a time: they stay in the cache
        const int64_t end = k + 16 < topics ? k + 16 : topics;
        for (int64_t i = 0; i < width; ++i) {
          const T* from = hidden + (first + i) * topics;
          const bool padding = first + i >= documents;
          for (int64_t j = k; j < end; ++j) packed[j * width + i] = padding ? T(0) : from[j];
        }
      }
    }
    packed += topics * (by_document.columns() - by_document.count * by_document.most);
    for (int64_t p = 0; p < by_topic.count; ++p) {
      const int64_t first = p * by_topic.most, width = by_topic.width(p);
      const int64_t used = topics - first < width ? topics - first : width;
      for (int64_t d = 0; d < documents; ++d, packed += width) {
        for (int64_t k = 0; k < used; ++k) packed[k] = hidden[d * topics + first + k];
        for (int64_t k = used; k < width; ++k) packed[k] = T(0);
      }
    }
  }

  // Elements of scratch that the products need beyond their arguments.
  static int64_t scratch_size(const BowProductPlan&, int64_t) { return 0; }

  NTM_FAST_INLINE PanelEngine(const BowProductInputs<T>& inputs, T*)
      : in(inputs), documents(in.documents), topics(in.topics) {}

  // raw [words, row] = weight . hidden^T for words from first on; the padding up to a whole
  // register of documents is 0.
  NTM_FAST_INLINE void raw_logits(int64_t first, int64_t words, T* raw) const {
    const T* weight = in.weight + first * in.topics;
    for (int64_t p = 0; p < documents.count; ++p) {
      const int64_t d = p * documents.most, width = documents.width(p);
      panel_gemm<T, false>({weight, in.topics, in.packed_hidden + d * in.topics, width, in.topics,
                            raw + d, in.plan.row, 0, false},
                           words, width);
    }
  }

  // Rows of grad_weight for words from first on = grads [words, row] . hidden
  NTM_FAST_INLINE void grad_weight(int64_t first, int64_t words, const T* grads, T* out) const {
    const T* hidden = in.packed_hidden + in.topics * documents.columns();
    const int64_t in_panels = in.topics - rest_by_dots();
    out += first * in.topics;
    for (int64_t k = 0; k < in_panels; k += topics.most) {
      const int64_t used = in_panels - k < topics.most ? in_panels - k : topics.most;
      const int64_t lanes = used % Vector<T>::width, width = topics.width(k / topics.most);
      panel_gemm<T, false>({grads, in.plan.row, hidden + k * in.documents, width, in.documents,
                            out + k, in.topics, lanes, false},
                           words, used);
    }
    switch (rest_by_dots()) {
      case 1: dots<1>(words, grads, out); break;
      case 2: dots<2>(words, grads, out); break;
      case 3: dots<3>(words, grads, out); break;
      case 4: dots<4>(words, grads, out); break;
    }
  }

  // out [topics, row] (+)= weight^T . grads [words, row], the words from first on
  NTM_FAST_INLINE void grad_hidden(int64_t first, int64_t words, const T* grads, T* out,
                                   bool accumulate) const {
    const T* weight = in.weight + first * in.topics;
    for (int64_t p = 0; p < documents.count; ++p) {
      const int64_t d = p * documents.most;
      panel_gemm<T, true>(
          {weight, in.topics, grads + d, in.plan.row, words, out + d, in.plan.row, 0, accumulate},
          in.topics, documents.width(p));
    }
  }

 private:
  // The last topics, too few to be worth a register of them: sums over registers of documents.
  NTM_FAST_INLINE int64_t rest_by_dots() const {
    const int64_t rest = in.topics % Vector<T>::width;
    return rest <= 4 && rest * (documents.vectors + 8) < in.documents ? rest : 0;
  }

  template <int TOPICS>
  void dots(int64_t words, const T* grads, T* out) const {
    constexpr int64_t width = Vector<T>::width;
    for_words<vector_registers / 8>(words, [&](auto count, int64_t t) {
      constexpr int n = decltype(count)::value;
      typename Vector<T>::type sums[n][TOPICS] = {};
      for (int64_t v = 0; v < documents.vectors; ++v) {
        const int64_t panel = v / max_panel_vectors;
        const T* hidden = in.packed_hidden + panel * documents.most * in.topics +
                          (in.topics - TOPICS) * documents.width(panel) +
                          v % max_panel_vectors * width;
        typename Vector<T>::type h[TOPICS];
#pragma GCC unroll 4
        for (int k = 0; k < TOPICS; ++k) h[k] = load(hidden + k * documents.width(panel));
#pragma GCC unroll 4
        for (int i = 0; i < n; ++i) {
          const auto g = load(grads + (t + i) * in.plan.row + v * width);
#pragma GCC unroll 4
          for (int k = 0; k < TOPICS; ++k) sums[i][k] += g * h[k];
        }
      }
      for (int i = 0; i < n; ++i) {
        for (int k = 0; k < TOPICS; ++k) {
          out[(t + i + 1) * in.topics - TOPICS + k] = sum_lanes<T>(sums[i][k]);
        }
      }
    });
  }

  const BowProductInputs<T>& in;
  Panels<T> documents, topics;
};

template <class T>
BowProductKernels<T> bow_product_kernels() {
  return kernels_of<PanelEngine<T>>();
}

template BowProductKernels<float> bow_product_kernels();
template BowProductKernels<double> bow_product_kernels();

NTM_FAST_ISA_END
