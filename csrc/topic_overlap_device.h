#pragma once
#include <stdint.h>

namespace ntm_fast {

// What topic_overlap.h says, on a CUDA device, where the products are torch's: rows are not padded,
// and the lifts of all words are there at once.

constexpr int64_t overlap_words_per_partial = 256;

// lifts [V, K] and, unless null, scales [V] of the words.
template <class T>
struct DeviceOverlapLifts {
  const T *topic_logits, *norms;  // [V, K], [2, K]
  T *lifts, *scales;
  int64_t words, topics;
};

// The overlap [], and its gradient [K, K] to the lifts' gram, times 2; squares [K] between.
template <class T>
struct DeviceOverlapValue {
  const T* gram;  // [K, K]
  T *squares, *overlap, *gram_gradient;
  int64_t topics;
};

// slopes [V, K] hold lifts . gram_gradient; they become the gradient. partials
// [ceil(V / overlap_words_per_partial), K] and column_means [K] in between.
template <class T>
struct DeviceOverlapBackward {
  const T *grad_overlap, *lifts, *scales;  // [], [V, K], [V]
  T *slopes, *partials, *column_means;
  int64_t words, topics;
};

// norms [2, K] as of topic_norms become those of DeviceOverlapLifts
template <class T>
int overlap_norms_cuda(T* norms, double log_words, int64_t topics, void* stream);
template <class T>
int overlap_lifts_cuda(const DeviceOverlapLifts<T>&, void* stream);
template <class T>
int overlap_value_cuda(const DeviceOverlapValue<T>&, void* stream);
template <class T>
int overlap_backward_cuda(const DeviceOverlapBackward<T>&, void* stream);

}  // namespace ntm_fast
