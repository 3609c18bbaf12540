#pragma once
// The matrix products of the product decoder in the arithmetic of T. The loops over words take them
// from an engine, so that another arithmetic is another class with these members.

#include "../bow_product_log_likelihood.h"
#include "panel_gemm.h"

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
    for (int64_t p = 0; p < by_document.count; ++p) {
      const int64_t first = p * by_document.most, width = by_document.width(p);
      for (int64_t k = 0; k < topics; ++k) {
        for (int64_t d = first; d < first + width; ++d) {
          *packed++ = d < documents ? hidden[d * topics + k] : T(0);
        }
      }
    }
    for (int64_t p = 0; p < by_topic.count; ++p) {
      const int64_t first = p * by_topic.most, width = by_topic.width(p);
      for (int64_t d = 0; d < documents; ++d) {
        for (int64_t k = first; k < first + width; ++k) {
          *packed++ = k < topics ? hidden[d * topics + k] : T(0);
        }
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
    for (int64_t p = 0; p < topics.count; ++p) {
      const int64_t k = p * topics.most, width = topics.width(p);
      const int64_t last_lanes = p + 1 == topics.count ? in.topics % Vector<T>::width : 0;
      panel_gemm<T, false>({grads, in.plan.row, hidden + k * in.documents, width, in.documents,
                            out + first * in.topics + k, in.topics, last_lanes, false},
                           words, width);
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
  const BowProductInputs<T>& in;
  Panels<T> documents, topics;
};

NTM_FAST_ISA_END
