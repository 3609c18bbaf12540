#pragma once
#include "kl_gamma.h"

namespace ntm_fast {

template <class T>
struct KlWeibullGamma {
  GammaRows<T> shape, scale, prior_alpha, prior_rate;
  T* kl;  // [R]
  int64_t topics;
};

// Gradients [R, K] of sum_r grad_kl[r] * kl[r], in the order of the arguments; null where not
// wanted.
template <class T>
struct KlWeibullGammaBackward {
  GammaRows<T> shape, scale, prior_alpha, prior_rate;
  const T* grad_kl;
  T* gradients[4];
  int64_t topics;
};

NTM_FAST_CPU_DECLARE(template <class T> void kl_weibull_gamma(const KlWeibullGamma<T>&,
                                                              int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T>
                     void kl_weibull_gamma_backward(const KlWeibullGammaBackward<T>&,
                                                    int64_t first_row, int64_t last_row))

// All rows, queued on a CUDA stream; parameters that are not positive give NaN. They return a
// cudaError_t.
template <class T>
int kl_weibull_gamma_cuda(const KlWeibullGamma<T>&, int64_t rows, void* stream);
template <class T>
int kl_weibull_gamma_backward_cuda(const KlWeibullGammaBackward<T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
