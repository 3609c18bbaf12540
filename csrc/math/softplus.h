#pragma once
// Softplus and its derivative, branch-free, so that loops over them vectorise.

#include "exp_log.h"

NTM_FAST_ISA_BEGIN

// log(1 + exp(z)) = max(z, 0) + log1p(t) with t = exp(-|z|) from (0, 1], by the series of
// log1p(t) = 2 artanh(s) with s = t / (2 + t) <= 1/3. Relative error <= 3 ulp.
template <class T>
NTM_FAST_INLINE T softplus(T z) {
  const T t = exp(z > T(0) ? -z : z);
  const T s = t / (T(2) + t), square = s * s;
  constexpr int last = sizeof(T) == 4 ? 15 : 33;  // power of s
  T series = T(2) / T(last);
#ifdef __CUDACC__
#pragma unroll
#else
#pragma GCC unroll 16
#endif
  for (int power = last - 2; power > 0; power -= 2) series = series * square + T(2) / T(power);
  return (z > T(0) ? z : T(0)) + s * series;
}

// The derivative of softplus at the point where softplus is y: 1 - exp(-y), by a series for small
// y.
template <class T>
NTM_FAST_INLINE T softplus_slope(T y) {
  constexpr int terms = sizeof(T) == 4 ? 6 : 11;
  T series = 1;  // of (1 - exp(-y)) / y = 1 - y/2 (1 - y/3 (1 - ...))
#ifdef __CUDACC__
#pragma unroll
#else
#pragma GCC unroll 16
#endif
  for (int i = terms; i > 1; --i) series = T(1) - y * (T(1) / T(i)) * series;
  return y < T(.1) ? y * series : T(1) - exp(-y);
}

NTM_FAST_ISA_END
