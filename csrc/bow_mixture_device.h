#pragma once
#include "csr_device.h"

namespace ntm_fast {

// What bow_mixture_log_likelihood.h says, on a CUDA device, with rows that are not padded.

constexpr int64_t mixture_words_per_partial = 256;

// A row of topics has to fit.
constexpr int64_t mixture_shared_bytes = 96 << 10;

// norms [2, K]: logsumexp over the words of each topic's logits, and what its rounding left out,
// times log2(e). maxima and sums [ceil(V / mixture_words_per_partial), K] in between.
template <class T>
struct DeviceMixtureNorms {
  const T* topic_logits;  // [V, K]
  T *maxima, *sums, *norms;
  int64_t words, topics;
};

template <class T>
struct DeviceMixture {
  DeviceCsr<T> batch;
  const T *theta, *topic_logits, *norms;  // [B, K], [V, K], [2, K]
  T *log_likelihood, *grad_theta;         // [B], [B, K] of each document's log likelihood
  T* ratios;                              // [N] count / p, or -1 where p underflows
  int64_t topics;
};

// The gradient of theta: rows [documents, topics] of unit_grad_theta times those of gradient.
template <class T>
struct DeviceMixtureTheta {
  const T *gradient, *unit_grad_theta;  // [B], [B, K]
  T* grad_theta;                        // [B, K]
  int64_t documents, topics;
};

// coefficients[n] = gradient of the document * ratio, 0 where underflown; totals[k] = sum over the
// documents of gradient * theta * unit_grad_theta, [K].
template <class T>
struct DeviceMixtureTerms {
  const T *gradient, *theta, *unit_grad_theta, *ratios;  // [B], [B, K], [B, K], [N]
  const int32_t* document_of;                            // [N]
  T *coefficients, *totals;
  int64_t documents, topics, nonzeros;
};

// grad_topic_logits holds the sums by word of coefficient * theta; it becomes the gradient.
template <class T>
struct DeviceMixtureWords {
  DeviceCsr<T> batch;
  DeviceWordOrder order;
  const T *gradient, *theta, *topic_logits, *norms, *totals, *ratios;
  T* grad_topic_logits;  // [V, K]
  int64_t words, topics;
};

template <class T>
int mixture_norms_cuda(const DeviceMixtureNorms<T>&, void* stream);
template <class T>
int mixture_documents_cuda(const DeviceMixture<T>&, void* stream);
template <class T>
int mixture_theta_cuda(const DeviceMixtureTheta<T>&, void* stream);
template <class T>
int mixture_terms_cuda(const DeviceMixtureTerms<T>&, void* stream);
template <class T>
int mixture_words_cuda(const DeviceMixtureWords<T>&, void* stream);

}  // namespace ntm_fast
