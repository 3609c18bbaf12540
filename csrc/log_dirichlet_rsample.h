#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// Row-major [rows, topics]: logarithms of Dirichlet(alpha) draws, and of the gammas behind them.
template <class T>
struct LogDirichletRsample {
  const T* alpha;
  T *log_theta, *log_gamma;
  uint64_t seed;
  const uint64_t* seed_place;  // on a CUDA device where the seed is there, else null
  int64_t topics;
};

template <class T>
struct LogDirichletRsampleBackward {
  const T *grad_log_theta, *alpha, *log_theta, *log_gamma;
  T* grad_alpha;
  int64_t topics;
};

// Rows first ... last - 1; returns the flat position of the first alpha in them that is not
// positive and finite, or -1.
NTM_FAST_CPU_DECLARE(template <class T> int64_t log_dirichlet_rsample(const LogDirichletRsample<T>&,
                                                                      int64_t first_row,
                                                                      int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T>
                     void log_dirichlet_rsample_backward(const LogDirichletRsampleBackward<T>&,
                                                         int64_t first_row, int64_t last_row))

// All rows, queued on a CUDA stream; a row with an alpha that is not positive and finite gives NaN.
// They return a cudaError_t.
template <class T>
int queue(const LogDirichletRsample<T>&, int64_t rows, void* stream);
template <class T>
int queue(const LogDirichletRsampleBackward<T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
