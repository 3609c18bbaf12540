#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// alpha [R, K]; prior [R, K], or [1, K] with prior_stride 0; kl [R].
template <class T>
struct KlDirichlet {
  const T *alpha, *prior;
  T* kl;
  int64_t topics, prior_stride;
};

// Gradients [R, K] of sum_r grad_kl[r] * kl[r]; null for one that is not wanted.
template <class T>
struct KlDirichletBackward {
  const T *grad_kl, *alpha, *prior;
  T *grad_alpha, *grad_prior;
  int64_t topics, prior_stride;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void kl_dirichlet(const KlDirichlet<T>&, int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T> void kl_dirichlet_backward(const KlDirichletBackward<T>&,
                                                                   int64_t first_row,
                                                                   int64_t last_row))

// All rows, queued on a CUDA stream; parameters that are not positive give NaN. They return a
// cudaError_t.
template <class T>
int kl_dirichlet_cuda(const KlDirichlet<T>&, int64_t rows, void* stream);
template <class T>
int kl_dirichlet_backward_cuda(const KlDirichletBackward<T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
