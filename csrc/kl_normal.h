#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// An argument [R, K] whose rows are stride elements apart, or [1, K] with stride 0.
template <class T>
struct NormalRows {
  const T* data;
  int64_t stride;
};

template <class T>
struct KlNormal {
  NormalRows<T> mean, log_variance, prior_mean, prior_log_variance;
  T* kl;  // [R]
  int64_t topics;
};

// Gradients [R, K] of sum_r grad_kl[r] * kl[r], in the order of the arguments; null where not
// wanted.
template <class T>
struct KlNormalBackward {
  NormalRows<T> mean, log_variance, prior_mean, prior_log_variance;
  const T* grad_kl;
  T* gradients[4];
  int64_t topics;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void kl_normal(const KlNormal<T>&, int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T> void kl_normal_backward(const KlNormalBackward<T>&,
                                                                int64_t first_row,
                                                                int64_t last_row))

// All rows, queued on a CUDA stream. They return a cudaError_t.
template <class T>
int kl_normal_cuda(const KlNormal<T>&, int64_t rows, void* stream);
template <class T>
int kl_normal_backward_cuda(const KlNormalBackward<T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
