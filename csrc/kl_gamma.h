#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// An argument [R, K], or [1, K] with stride 0.
template <class T>
struct GammaRows {
  const T* data;
  int64_t stride;
};

template <class T>
struct KlGamma {
  GammaRows<T> alpha, rate, prior_alpha, prior_rate;
  T* kl;  // [R]
  int64_t topics;
};

// Gradients [R, K] of sum_r grad_kl[r] * kl[r], in the order of the arguments; null where not
// wanted.
template <class T>
struct KlGammaBackward {
  GammaRows<T> alpha, rate, prior_alpha, prior_rate;
  const T* grad_kl;
  T* gradients[4];
  int64_t topics;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void kl_gamma(const KlGamma<T>&, int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T> void kl_gamma_backward(const KlGammaBackward<T>&,
                                                               int64_t first_row, int64_t last_row))

// All rows, queued on a CUDA stream; parameters that are not positive give NaN. They return a
// cudaError_t.
template <class T>
int kl_gamma_cuda(const KlGamma<T>&, int64_t rows, void* stream);
template <class T>
int kl_gamma_backward_cuda(const KlGammaBackward<T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
