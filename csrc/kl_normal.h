#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// Row-major [rows, topics] inputs; kl [rows].
template <class T>
struct KlNormal {
  const T *mean, *log_variance, *prior_mean, *prior_log_variance;
  T* kl;
  int64_t topics;
};

// Gradients [rows, topics] of sum_r grad_kl[r] * kl[r]; those of the priors are the negated sums
// that the caller reduces, per element here.
template <class T>
struct KlNormalBackward {
  const T *grad_kl, *mean, *log_variance, *prior_mean, *prior_log_variance;
  T *grad_mean, *grad_log_variance, *grad_prior_mean, *grad_prior_log_variance;
  int64_t topics;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void kl_normal(const KlNormal<T>&, int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T> void kl_normal_backward(const KlNormalBackward<T>&,
                                                                int64_t first_row,
                                                                int64_t last_row))

}  // namespace ntm_fast
