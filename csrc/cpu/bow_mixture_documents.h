#pragma once
// One pass over the nonzeros of each document: p, its logarithm, count / p, the gradient of theta.

#include "bow_mixture_beta.h"

NTM_FAST_ISA_BEGIN

namespace {

// Below this the terms that exp2_bounded leaves out may matter, or count / p may overflow.
template <class T>
constexpr T smallest_p = sizeof(T) == 4 ? T(1e-28) : T(1e-280);

template <class T>
void underflown_document(const Mixture<T>& args, const T* theta, int64_t n, double& log_likelihood,
                         T* grad_theta) {
  const T* logits = args.topic_logits + args.batch.indices[n] * args.topics;
  const Underflown<T> p(theta, logits, args.norms, args.topics);
  const T count = args.batch.counts[n];
  log_likelihood += double(count) * (double(p.shift) + log(double(p.sum)));
  for (int64_t k = 0; k < args.topics; ++k) grad_theta[k] += count / p.sum * p.over_shift(k);
}

// What is left to do for a document when p stands in its ratios: log p, and p -> count / p.
// Underflown nonzeros are marked -1.
template <class T>
NTM_FAST_INLINE double finish_document(const Csr<T>& batch, int64_t document, T* ratios) {
  constexpr int sums = 8;
  double partial[sums] = {};
  const auto finish = [&](int64_t n, int i) __attribute__((always_inline)) {
    const T p = ratios[n], q = p > 0 ? p : T(1), count = batch.counts[n];
    partial[i] += double(count * log(q));
    ratios[n] = p > 0 ? count / q : T(-1);
  };
  const int64_t end = batch.indptr[document + 1];
  int64_t n = batch.indptr[document];
  for (; n + sums <= end; n += sums) {
    NTM_FAST_SIMD for (int i = 0; i < sums; ++i) finish(n + i, i);
  }
  for (int i = 0; n < end; ++n, ++i) finish(n, i);
  double total = 0;
  for (int i = 0; i < sums; ++i) total += partial[i];
  return total;
}

template <class T>
NTM_FAST_INLINE void prefetch_logits(const Mixture<T>& args, int64_t n, int64_t end) {
  constexpr int64_t ahead = 3, line = 64 / sizeof(T);
  if (n + ahead >= end) return;
  const T* next = args.topic_logits + args.batch.indices[n + ahead] * args.topics;
  for (int64_t k = 0; k < args.topics; k += line) __builtin_prefetch(next + k);
}

// What becomes of a nonzero when p is known: true if count / p is to weigh beta.
template <class T>
NTM_FAST_INLINE bool settle(const Mixture<T>& args, int64_t n, T p, const T* theta,
                            double& log_likelihood, T* underflown_gradient) {
  if (__builtin_expect(p >= smallest_p<T>, 1)) {
    args.ratios[n] = p;
    return true;
  }
  const bool counts = args.batch.counts[n] > 0;
  args.ratios[n] = counts ? T(-1) : T(1);
  if (counts) underflown_document(args, theta, n, log_likelihood, underflown_gradient);
  return false;
}

// Documents whose rows fit into VECTORS registers: beta and the gradient stay in them.
template <class T, int VECTORS>
void documents_in_registers(const Mixture<T>& args, int64_t first_document, int64_t last_document,
                            T* scratch) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const int64_t topics = args.topics, lanes = topics - (VECTORS - 1) * width;
  T *theta = scratch, *underflown = theta + args.row_stride;
  for (int64_t k = 0; k < args.row_stride; ++k) theta[k] = 0;
  for (int64_t document = first_document; document < last_document; ++document) {
    for (int64_t k = 0; k < topics; ++k) theta[k] = args.theta[document * topics + k];
    for (int64_t k = 0; k < args.row_stride; ++k) underflown[k] = 0;
    const int64_t begin = args.batch.indptr[document], end = args.batch.indptr[document + 1];
    double log_likelihood = 0;
    V gradient[VECTORS] = {};
    for (int64_t n = begin; n < end; ++n) {
      prefetch_logits(args, n, end);
      const T* logits = args.topic_logits + args.batch.indices[n] * topics;
      V beta[VECTORS], sums[2] = {};
#pragma GCC unroll 8
      for (int j = 0; j < VECTORS; ++j) {
        const T* from = logits + j * width;
        const V x = j == VECTORS - 1 ? load_part(from, lanes) : load(from);
        beta[j] = beta_of<T>(x, args.norms, j * width);
        sums[j % 2] += beta[j] * load(theta + j * width);  // theta is padded with zeros
      }
      const T p = sum_lanes<T>(sums[0] + sums[1]);
      if (!settle(args, n, p, theta, log_likelihood, underflown)) continue;
      const T ratio = args.batch.counts[n] / p;
#pragma GCC unroll 8
      for (int j = 0; j < VECTORS; ++j) gradient[j] += ratio * beta[j];
    }
    log_likelihood += finish_document(args.batch, document, args.ratios);
    args.log_likelihood[document] = T(log_likelihood);
    T* to = args.grad_theta + document * topics;
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; ++j) {
      const V total = gradient[j] + load(underflown + j * width);
      store_part(to + j * width, total, j == VECTORS - 1 ? lanes : width);
    }
  }
}

// Any number of topics: beta and the gradient in scratch.
template <class T>
void documents_in_memory(const Mixture<T>& args, int64_t first_document, int64_t last_document,
                         T* scratch) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const int64_t topics = args.topics, whole = topics / width * width, lanes = topics - whole;
  T *theta = scratch, *beta = theta + args.row_stride, *gradient = beta + args.row_stride;
  for (int64_t k = 0; k < args.row_stride; ++k) theta[k] = beta[k] = 0;
  for (int64_t document = first_document; document < last_document; ++document) {
    for (int64_t k = 0; k < topics; ++k) theta[k] = args.theta[document * topics + k];
    for (int64_t k = 0; k < args.row_stride; ++k) gradient[k] = 0;
    const int64_t begin = args.batch.indptr[document], end = args.batch.indptr[document + 1];
    double log_likelihood = 0;
    for (int64_t n = begin; n < end; ++n) {
      prefetch_logits(args, n, end);
      const T* logits = args.topic_logits + args.batch.indices[n] * topics;
      V sum{};
      for (int64_t k = 0; k < whole; k += width) {
        const V b = beta_of<T>(load(logits + k), args.norms, k);
        store(beta + k, b);
        sum += b * load(theta + k);
      }
      if (lanes) {
        const V b = beta_of<T>(load_part(logits + whole, lanes), args.norms, whole);
        store(beta + whole, b);
        sum += b * load(theta + whole);
      }
      const T p = sum_lanes<T>(sum);
      if (!settle(args, n, p, theta, log_likelihood, gradient)) continue;
      const T ratio = args.batch.counts[n] / p;
      for (int64_t k = 0; k < topics; k += width) {
        store(gradient + k, load(gradient + k) + ratio * load(beta + k));
      }
    }
    log_likelihood += finish_document(args.batch, document, args.ratios);
    args.log_likelihood[document] = T(log_likelihood);
    for (int64_t k = 0; k < topics; ++k) args.grad_theta[document * topics + k] = gradient[k];
  }
}

}  // namespace

NTM_FAST_ISA_END
