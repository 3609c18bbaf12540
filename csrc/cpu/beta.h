#pragma once
// beta[k, w] = p(word w | topic k) from logits and norms, and p(w | d) where it underflows.

#include "../bow_mixture_log_likelihood.h"
#include "../math/exp_log.h"
#include "vector_rows.h"

NTM_FAST_ISA_BEGIN

template <class T>
constexpr T log2_e = T(1.4426950408889634074);

// A register of beta from its logits; k is its first topic.
template <class T>
NTM_FAST_INLINE typename Vector<T>::type beta_of(typename Vector<T>::type logits,
                                                 const TopicNorms<T>& norms, int64_t k) {
  return exp2_bounded((logits - load(norms.value + k)) * log2_e<T> - load(norms.rest + k));
}

// The terms of one nonzero's p, where p underflows: theta[k] exp(exponent(k) - shift).
template <class T>
struct Underflown {
  const T *theta, *logits;
  TopicNorms<T> norms;
  T shift, sum;  // the largest log of a term, and the sum of the terms

  NTM_FAST_INLINE Underflown(const T* theta, const T* logits, const TopicNorms<T>& norms,
                             int64_t topics)
      : theta(theta), logits(logits), norms(norms), shift(-__builtin_inff()), sum(0) {
    for (int64_t k = 0; k < topics; ++k) {
      const T term = exponent(k) + log(theta[k]);
      shift = term <= shift || shift != shift ? shift : term;  // NaN stays
    }
    if (shift == -T(__builtin_inff())) shift = 0;  // p is zero
    for (int64_t k = 0; k < topics; ++k) {
      if (theta[k] != 0) sum += theta[k] * over_shift(k);
    }
  }

  // log beta of topic k
  NTM_FAST_INLINE T exponent(int64_t k) const {
    return (logits[k] - norms.value[k]) - norms.rest[k] / log2_e<T>;
  }
  NTM_FAST_INLINE T over_shift(int64_t k) const { return exp(exponent(k) - shift); }
};

NTM_FAST_ISA_END
