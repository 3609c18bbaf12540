#pragma once
// What the samplers of Dirichlet draws do with a row of gammas: as cpu/dirichlet_rows.h. Each lane
// reads back what it wrote itself, so that rows may have any length.

#include "rows.cuh"

namespace ntm_fast {
namespace cuda {

// log_theta = log_gamma - logsumexp(log_gamma), which both may be one array; most is the maximum of
// this lane's elements.
template <class T>
__device__ __forceinline__ void normalise_log_row(const T* log_gamma, T* log_theta, int64_t topics,
                                                  T most) {
  most = warp_max(most);
  T sum = 0;
  for (int64_t k = lane_index(); k < topics; k += warp_size) sum += exp(log_gamma[k] - most);
  const T log_sum = log(warp_sum(sum));
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    // In this order, so that the digits of a large maximum cancel before log(sum) is added.
    log_theta[k] = (log_gamma[k] - most) - log_sum;
  }
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
