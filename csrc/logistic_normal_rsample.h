#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// theta = softmax(mean + exp(log_variance / 2) noise) of each row [topics]; the rows of the inputs
// are their strides apart.
//
// The noise of a row is drawn in chunks of 32, chunk c of row r with Philox counters from
// 16 (r chunks + c) on: the first 16 elements come from words 0 and 1, the others from 2 and 3; in
// double the low words come from half 1.
template <class T>
struct LogisticNormalRsample {
  const T *mean, *log_variance;
  T *theta, *half_deviation;  // exp(log_variance / 2) noise / 2: what the backward needs
  uint64_t seed;
  const uint64_t* seed_place;  // on a CUDA device where the seed is there, else null
  int64_t topics, mean_stride, log_variance_stride;
};

template <class T>
struct LogisticNormalRsampleBackward {
  const T *grad_theta, *theta, *half_deviation;
  T *grad_mean, *grad_log_variance;
  int64_t topics;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void logistic_normal_rsample(const LogisticNormalRsample<T>&,
                                                  int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T>
                     void logistic_normal_rsample_backward(const LogisticNormalRsampleBackward<T>&,
                                                           int64_t first_row, int64_t last_row))

// All rows, queued on a CUDA stream; they return a cudaError_t.
template <class T>
int queue(const LogisticNormalRsample<T>&, int64_t rows, void* stream);
template <class T>
int queue(const LogisticNormalRsampleBackward<T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
