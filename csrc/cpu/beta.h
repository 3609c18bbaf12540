#pragma once
// beta[k, w] = p(word w | topic k) from logits and norms.

#include "bow_mixture_log_likelihood.h"
#include "cpu/simd/vector_exp.h"

NTM_FAST_ISA_BEGIN

template <class T>
constexpr T log2_e = T(1.4426950408889634074);

// A register of beta from its logits; k is its first topic.
template <class T>
NTM_FAST_INLINE typename Vector<T>::type beta_of(typename Vector<T>::type logits,
                                                 const TopicNorms<T>& norms, int64_t k) {
  return exp2_bounded((logits - load(norms.value + k)) * log2_e<T> - load(norms.rest + k));
}

NTM_FAST_ISA_END
