#pragma once
#include "bow_mixture_log_likelihood.h"

namespace ntm_fast {

// Topics as beta [V, K] whose mean over the words is 1 (math/topic_overlap.h), and their lifts
// beta[v, k] scales[v], where scales[v] is 1 / sqrt(mean over the topics of beta[v, :]). Rows of
// lifts are padded to row_stride elements, and the norms so that beta is next to nothing there.
template <class T>
struct TopicLifts {
  const T* topic_logits;  // [V, K]
  TopicNorms<T> norms;
  int64_t topics, row_stride;
};

constexpr int64_t overlap_tile_words = 64;

// gram [K, row_stride] = lifts^T lifts of words [first, last), at least on and above its diagonal.
template <class T>
struct OverlapGram {
  TopicLifts<T> lifts;
  T *scales, *gram;  // [V], of those words those places are written
};

// What the Gram matrices of chunks of words, [chunks, K, row_stride], add up to: the overlap, and
// its gradient [K, K] to the lifts' Gram matrix, times 2, since that is symmetric.
template <class T>
struct OverlapValue {
  const T* grams;
  int64_t chunks, topics, row_stride;
  double* scratch;  // [K + 1, K]
  T *overlap, *gram_gradient;
};

// grad_topic_logits[v, :] = the gradient except for - beta[v, :] column_means, where these are the
// means over all words of what is written.
template <class T>
struct OverlapBackward {
  TopicLifts<T> lifts;
  const T *scales, *gram_gradient;  // [V], [K, row_stride], padded, and times the gradient's scale
  T* grad_topic_logits;             // [V, K]
};

// norms [2, K] as of topic_norms become those that TopicLifts asks for
NTM_FAST_CPU_DECLARE(template <class T>
                     void overlap_norms(T* norms, double log_words, int64_t topics))
// scratch [overlap_tile_words, row_stride]
NTM_FAST_CPU_DECLARE(template <class T> void overlap_gram(const OverlapGram<T>&, int64_t first_word,
                                                          int64_t last_word, T* scratch))
NTM_FAST_CPU_DECLARE(template <class T> void overlap_value(const OverlapValue<T>&))
// scratch [2 * overlap_tile_words + 1, row_stride]; column_sums [row_stride] of those words
NTM_FAST_CPU_DECLARE(template <class T> void overlap_backward(const OverlapBackward<T>&,
                                                              int64_t first_word, int64_t last_word,
                                                              T* scratch, double* column_sums))
// column_means [row_stride] of all words, padded
NTM_FAST_CPU_DECLARE(template <class T> void overlap_finish(const OverlapBackward<T>&,
                                                            const T* column_means,
                                                            int64_t first_word, int64_t last_word))

// The same on a CUDA device, where the products are torch's: rows are not padded, and the lifts of
// all words are there at once.

constexpr int64_t overlap_words_per_partial = 256;

// lifts [V, K] and, unless null, scales [V] of the words.
template <class T>
struct CudaOverlapLifts {
  const T *topic_logits, *norms;  // [V, K], [2, K]
  T *lifts, *scales;
  int64_t words, topics;
};

// The overlap [], and its gradient [K, K] to the lifts' gram, times 2; squares [K] between.
template <class T>
struct CudaOverlapValue {
  const T* gram;  // [K, K]
  T *squares, *overlap, *gram_gradient;
  int64_t topics;
};

// slopes [V, K] hold lifts . gram_gradient; they become the gradient. partials
// [ceil(V / overlap_words_per_partial), K] and column_means [K] in between.
template <class T>
struct CudaOverlapBackward {
  const T *grad_overlap, *lifts, *scales;  // [], [V, K], [V]
  T *slopes, *partials, *column_means;
  int64_t words, topics;
};

// norms [2, K] as of topic_norms become those of CudaOverlapLifts
template <class T>
int overlap_norms_cuda(T* norms, double log_words, int64_t topics, void* stream);
template <class T>
int overlap_lifts_cuda(const CudaOverlapLifts<T>&, void* stream);
template <class T>
int overlap_value_cuda(const CudaOverlapValue<T>&, void* stream);
template <class T>
int overlap_backward_cuda(const CudaOverlapBackward<T>&, void* stream);

}  // namespace ntm_fast
