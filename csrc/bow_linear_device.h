#pragma once
#include "csr_device.h"
#include "word_sums.h"

namespace ntm_fast {

// What bow_linear.h says, on a CUDA device; the gradient of weight is a WordSums.
template <class T>
struct DeviceBowLinear {
  DeviceCsr<T> batch;
  const T* weight;  // [V, H]
  T* output;        // [B, H]
  int64_t features;
};

template <class T>
struct DeviceBowLinearCounts {
  DeviceCsr<T> batch;
  const T *weight, *grad_output;  // [V, H], [B, H]
  T* grad_counts;                 // [N]
  int64_t features;
};

template <class T>
int bow_linear_cuda(const DeviceBowLinear<T>&, void* stream);
template <class T>
int bow_linear_counts_cuda(const DeviceBowLinearCounts<T>&, void* stream);

}  // namespace ntm_fast
