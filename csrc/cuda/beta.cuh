#pragma once
// beta[k, w] = p(word w | topic k) from logits and norms.

namespace ntm_fast {
namespace cuda {

template <class T>
constexpr T log2_e = T(1.4426950408889634074);

__device__ __forceinline__ float power_of_2(float x) { return ::exp2f(x); }
__device__ __forceinline__ double power_of_2(double x) { return ::exp2(x); }

// value and rest of a topic's norm
template <class T>
__device__ __forceinline__ T beta_of(T logit, T value, T rest) {
  return power_of_2((logit - value) * log2_e<T> - rest);
}

}  // namespace cuda
}  // namespace ntm_fast
