#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// Row-major [rows, topics]: logarithms of Dirichlet(alpha) draws, and d log_gamma / d alpha of the
// gammas behind them with the accepted proposal and the `boost` uniforms of each held fixed.
template <class T>
struct LogDirichletRsvi {
  const T* alpha;
  T *log_theta, *slope;
  uint64_t seed;
  const uint64_t* seed_place;  // on a CUDA device where the seed is there, else null
  int64_t boost, topics;
};

template <class T>
struct LogDirichletRsviBackward {
  const T *grad_log_theta, *log_theta, *slope;
  T* grad_alpha;
  int64_t topics;
};

// Rows first ... last - 1; returns the flat position of the first alpha in them that is not
// positive and finite, or -1.
NTM_FAST_CPU_DECLARE(template <class T> int64_t log_dirichlet_rsvi(const LogDirichletRsvi<T>&,
                                                                   int64_t first_row,
                                                                   int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T>
                     void log_dirichlet_rsvi_backward(const LogDirichletRsviBackward<T>&,
                                                      int64_t first_row, int64_t last_row))

// Philox's rounds from here on give the uniforms of the boost, four a round; rejections are fewer.
constexpr uint64_t first_boost_round = uint64_t(1) << 31;

// All rows, queued on a CUDA stream; a row with an alpha that is not positive and finite gives NaN.
// They return a cudaError_t.
template <class T>
int queue(const LogDirichletRsvi<T>&, int64_t rows, void* stream);
template <class T>
int queue(const LogDirichletRsviBackward<T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
