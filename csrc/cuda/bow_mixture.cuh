#pragma once
// beta[k, w] = p(word w | topic k) from logits and norms, and p(w | d) where it underflows.

#include "../bow_mixture_log_likelihood.h"
#include "../math/exp_log.h"
#include "csr.cuh"

namespace ntm_fast {
namespace cuda {

template <class T>
constexpr T log2_e = T(1.4426950408889634074);

// Below this terms that were lost may matter, or count / p may overflow.
template <class T>
constexpr T smallest_p = sizeof(T) == 4 ? T(1e-28) : T(1e-280);

__device__ __forceinline__ float power_of_2(float x) { return ::exp2f(x); }
__device__ __forceinline__ double power_of_2(double x) { return ::exp2(x); }

// value and rest of a topic's norm
template <class T>
__device__ __forceinline__ T beta_of(T logit, T value, T rest) {
  return power_of_2((logit - value) * log2_e<T> - rest);
}

// The terms of one nonzero's p where p underflows: theta[k] exp(exponent(k) - shift). A warp
// makes it together.
template <class T>
struct Underflown {
  const T *theta, *logits, *norms;
  int64_t topics;
  T shift, sum;  // the largest log of a term, and the sum of the terms

  __device__ Underflown(const T* theta, const T* logits, const T* norms, int64_t topics)
      : theta(theta), logits(logits), norms(norms), topics(topics) {
    T most = -T(__builtin_inf());
    for (int64_t k = lane_index(); k < topics; k += warp_size) {
      const T term = exponent(k) + log(theta[k]);
      most = term <= most || most != most ? most : term;  // NaN stays
    }
    shift = warp_max(most);
    if (shift == -T(__builtin_inf())) shift = 0;  // p is zero
    T own = 0;
    for (int64_t k = lane_index(); k < topics; k += warp_size) {
      if (theta[k] != T(0)) own += theta[k] * over_shift(k);
    }
    sum = warp_sum(own);
  }

  // log beta of topic k
  __device__ __forceinline__ T exponent(int64_t k) const {
    return (logits[k] - norms[k]) - norms[topics + k] / log2_e<T>;
  }
  __device__ __forceinline__ T over_shift(int64_t k) const { return exp(exponent(k) - shift); }
};

}  // namespace cuda
}  // namespace ntm_fast
