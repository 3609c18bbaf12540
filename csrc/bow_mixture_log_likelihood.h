#pragma once
#include "cpu_level.h"
#include "csr.h"

namespace ntm_fast {

// A forward is three steps, between the first two of which ranks that hold some of the words each
// can merge what they have:
//   mixture_norms        each topic's largest logit and total over each block of words
//   mixture_merge_norms  its norm over all words
//   mixture_documents    log likelihoods
// A backward needs the norms alone.

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

// The same on a CUDA device, with rows that are not padded.

constexpr int64_t mixture_words_per_partial = 256;

// A row of topics has to fit.
constexpr int64_t mixture_shared_bytes = 96 << 10;

// norms [2, K]: TopicNorms, by way of maxima and sums [ceil(V / mixture_words_per_partial), K].
template <class T>
struct CudaMixtureNorms {
  const T* topic_logits;  // [V, K]
  T *maxima, *sums, *norms;
  int64_t words, topics;
};

template <class T>
struct CudaMixture {
  CudaCsr<T> batch;
  const T *theta, *topic_logits, *norms;  // [B, K], [V, K], [2, K]
  T *log_likelihood, *grad_theta;         // [B], [B, K] of each document's log likelihood
  T* ratios;                              // [N] count / p, or -1 where p underflows
  int64_t topics;
};

// The gradient of theta: rows [documents, topics] of unit_grad_theta times those of gradient.
template <class T>
struct CudaMixtureTheta {
  const T *gradient, *unit_grad_theta;  // [B], [B, K]
  T* grad_theta;                        // [B, K]
  int64_t documents, topics;
};

// coefficients[n] = gradient of the document * ratio, 0 where underflown; totals[k] = sum over the
// documents of gradient * theta * unit_grad_theta, [K].
template <class T>
struct CudaMixtureTerms {
  const T *gradient, *theta, *unit_grad_theta, *ratios;  // [B], [B, K], [B, K], [N]
  const int32_t* document_of;                            // [N]
  T *coefficients, *totals;
  int64_t documents, topics, nonzeros;
};

// grad_topic_logits holds the sums by word of coefficient * theta; it becomes the gradient.
template <class T>
struct CudaMixtureWords {
  CudaCsr<T> batch;
  CudaWordOrder order;
  const T *gradient, *theta, *topic_logits, *norms, *totals, *ratios;
  T* grad_topic_logits;  // [V, K]
  int64_t words, topics;
};

// Queue the kernels on a CUDA stream; return a cudaError_t. The first gives maxima and sums, the
// second norms.
template <class T>
int mixture_norms_cuda(const CudaMixtureNorms<T>&, void* stream);
template <class T>
int mixture_merge_norms_cuda(const CudaMixtureNorms<T>&, void* stream);
template <class T>
int mixture_documents_cuda(const CudaMixture<T>&, void* stream);
template <class T>
int mixture_theta_cuda(const CudaMixtureTheta<T>&, void* stream);
template <class T>
int mixture_terms_cuda(const CudaMixtureTerms<T>&, void* stream);
template <class T>
int mixture_words_cuda(const CudaMixtureWords<T>&, void* stream);

}  // namespace ntm_fast
