#pragma once
// For the ops that have not moved to csrc/ops yet.
#include "ops/device.h"

#ifdef NTM_FAST_CUDA_EMULATED
#define NTM_FAST_CUDA_KEY CPU
#else
#define NTM_FAST_CUDA_KEY CUDA
#endif

namespace ntm_fast {

struct CudaScope : Cuda {
  explicit CudaScope(const Tensor& first) : Cuda("", first) {}
};

inline void check_launch(const char* op, int error) {
  if (error != 0) launch_failed(op, error);
}

}  // namespace ntm_fast
