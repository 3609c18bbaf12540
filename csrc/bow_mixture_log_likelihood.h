#pragma once
#include "cpu_level.h"
#include "csr_view.h"

namespace ntm_fast {

// Rows of K elements in buffers of our own are padded with zeros to row_stride elements.

// logsumexp over the words of each topic's logits, and what its rounding left out, times log2(e)
// (math/split_norm.h), so that beta = 2^((logit - value) log2(e) - rest) has no systematic error
// and logits may be as large as they can.
template <class T>
struct TopicNorms {
  const T *value, *rest;  // [row_stride], padded
};

// maxima, sums [blocks, K]: of each block of words, the largest logit of each topic and the sum of
// exp(logit - largest).
template <class T>
struct MixtureNorms {
  const T* topic_logits;  // [V, K]
  T *maxima, *sums;
  int64_t words, topics;
};

constexpr int64_t mixture_words_per_block = 64;

// p(w | d) = sum_k theta[d, k] beta[k, w] at each nonzero.
template <class T>
struct Mixture {
  Csr<T> batch;
  const T *theta, *topic_logits;  // [B, K], [V, K]
  TopicNorms<T> norms;
  T* log_likelihood;  // [B]
  T* grad_theta;      // [B, K], of each document's log likelihood
  T* ratios;          // [N] count / p, or -1 where p underflows
  int64_t topics, row_stride;
};

template <class T>
struct MixtureBackward {
  WordOrder<T> batch;
  const T *theta, *topic_logits;  // [B, row_stride] padded, [V, K]
  TopicNorms<T> norms;
  const T* topic_gradients;               // [row_stride], padded
  const T *grad_log_likelihood, *ratios;  // [B], [N]
  const T* coefficients;  // [N], of each place: gradient * ratio, 0 where underflown
  T* grad_topic_logits;   // [V, K]
  int64_t topics, row_stride;
  bool underflown;  // whether there is any ratio -1
};

NTM_FAST_CPU_DECLARE(template <class T> void mixture_norms(const MixtureNorms<T>&,
                                                           int64_t first_block, int64_t last_block))
NTM_FAST_CPU_DECLARE(template <class T>
                     void mixture_merge_norms(const MixtureNorms<T>&, T* values, T* rests))
// scratch [3 * row_stride]
NTM_FAST_CPU_DECLARE(template <class T> void mixture_documents(const Mixture<T>&,
                                                               int64_t first_document,
                                                               int64_t last_document, T* scratch))
NTM_FAST_CPU_DECLARE(template <class T> void mixture_words(const MixtureBackward<T>&,
                                                           int64_t first_word, int64_t last_word))

}  // namespace ntm_fast
