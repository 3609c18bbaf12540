#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// gradient = scale * d log x / d alpha at (alpha, log_x), elementwise; scale may be null for 1.
template <class T>
struct GammaImplicitGradient {
  const T *alpha, *log_x, *scale;
  T* gradient;
};

// Elements first ... last - 1; returns the position of the first alpha among them that is not
// positive and finite, or -1.
NTM_FAST_CPU_DECLARE(template <class T>
                     int64_t gamma_implicit_gradient(const GammaImplicitGradient<T>&, int64_t first,
                                                     int64_t last))

// All n elements, queued on a CUDA stream; such an alpha gives NaN. Returns a cudaError_t.
template <class T>
int queue(const GammaImplicitGradient<T>&, int64_t n, void* stream);

}  // namespace ntm_fast
