#pragma once
// A row of gammas into a Dirichlet draw, as in cpu/dirichlet_rows.h. Each lane
// reads back what it wrote itself, so that rows may have any length.

#include "cuda/rows.cuh"
#include "math/exp_log.h"
#include "math/philox.h"

namespace ntm_fast {
namespace cuda {

// log_theta = log_gamma - logsumexp(log_gamma), which both may be one array; most is the maximum of
// this lane's elements. Returns whether the row is as good as -infinity throughout.
template <class T>
__device__ __forceinline__ bool normalise_log_row(const T* log_gamma, T* log_theta, int64_t topics,
                                                  T most) {
  most = warp_max(most);
  T sum = 0;
  for (int64_t k = lane_index(); k < topics; k += warp_size) sum += exp(log_gamma[k] - most);
  const T log_sum = log(warp_sum(sum));
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    // In this order, so that the digits of a large maximum cancel before log(sum) is added.
    log_theta[k] = (log_gamma[k] - most) - log_sum;
  }
  return most < (sizeof(T) == 4 ? T(-1e38) : T(-1e307));
}

// A row whose gammas' logarithms are all too large for T: as normalise_tiny_row on the CPU.
template <class T, class LogU>
__device__ __noinline__ void normalise_tiny_row(const T* alpha, T* log_theta, int64_t topics,
                                                const LogU& log_u) {
  constexpr double scale = 0x1p-300, least = sizeof(T) == 4 ? -3e38 : -1.7e308;
  const auto scaled = [&](int64_t k) { return log_u(k) * scale / double(alpha[k]); };
  double most = -double(__builtin_inf()), sum = 0;
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    most = scaled(k) <= most ? most : scaled(k);
  }
  most = warp_max(most);
  for (int64_t k = lane_index(); k < topics; k += warp_size) sum += exp((scaled(k) - most) / scale);
  const double log_sum = log(warp_sum(sum));
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    const double value = (scaled(k) - most) / scale - log_sum;
    log_theta[k] = T(value < least ? least : value);
  }
}

// log(U) of the first 32 or, for double, 52 random bits: word `word` of Philox, as uniform().
template <class T>
__device__ __forceinline__ double log_uniform(uint64_t seed, uint64_t element, uint64_t round,
                                              int word) {
  const auto of = [&](uint64_t half) {
    const PhiloxWords<uint64_t> words = philox<uint64_t>(seed, element, round, half);
    return uint64_t(uint32_t(word == 0 ? words.w0 : words.w3));
  };
  if (sizeof(T) == 4) return log((double(of(0)) + .5) * 0x1p-32);
  return log((double(of(0) << 20 | of(1) >> 12) + .5) * 0x1p-52);
}

// f(k, the gradient G - theta sum G of log_gamma[k]), G being that of log_theta.
template <class T, class F>
__device__ __forceinline__ void project_row(const T* grad_log_theta, const T* log_theta,
                                            int64_t topics, const F& f) {
  T sum = 0;
  for (int64_t k = lane_index(); k < topics; k += warp_size) sum += grad_log_theta[k];
  sum = warp_sum(sum);
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    f(k, grad_log_theta[k] - exp(log_theta[k]) * sum);
  }
}

}  // namespace cuda
}  // namespace ntm_fast
