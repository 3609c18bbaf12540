#pragma once
// How a word's logits follow from hidden . weight.

#include "cuda/bow_product_log_likelihood/pieces.cuh"

namespace ntm_fast {
namespace bow_product {

template <class T>
__device__ __forceinline__ T center_of(const BowProductCuda<T>& in, int64_t v) {
  if (in.batch_statistics) return T(0);  // hidden is centered instead
  const T bias = in.bias ? in.bias[v] : T(0);
  return in.mean ? in.mean[v] - bias : -bias;
}

// Logits of word v are hidden . (slope weight_v) + offset.
template <class T>
struct WordAffine {
  T inverse_std, slope, offset;

  __device__ __forceinline__ WordAffine(const BowProductCuda<T>& in, int64_t v, T batch_var) {
    const bool normalise = in.batch_statistics || in.mean;
    const T var = in.batch_statistics ? batch_var : in.mean ? in.var[v] : T(1);
    inverse_std = normalise ? T(1) / sqrt(var + in.eps) : T(1);
    slope = inverse_std * (normalise && in.scale ? in.scale[v] : T(1));
    offset = (normalise && in.shift ? in.shift[v] : T(0)) - center_of(in, v) * slope;
    // The mean takes the bias away, unless it is not finite.
    if (in.batch_statistics && in.bias) offset += T(0) * in.bias[v];
  }
  __device__ __forceinline__ void store(const WordScale<T>& words, int64_t v) const {
    words.inverse_std[v] = inverse_std;
    words.slope[v] = slope;
    words.offset[v] = offset;
  }
};

}  // namespace bow_product
}  // namespace ntm_fast
