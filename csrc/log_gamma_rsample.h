#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// Logarithms of draws from Gamma(alpha, 1), elementwise.
template <class T>
struct LogGammaRsample {
  const T* alpha;
  T* log_gamma;
  uint64_t seed;
  const uint64_t* seed_place;  // on a CUDA device where the seed is there, else null
};

// Elements first ... last - 1; returns the position of the first alpha among them that is not
// positive and finite, or -1.
NTM_FAST_CPU_DECLARE(template <class T> int64_t log_gamma_rsample(const LogGammaRsample<T>&,
                                                                  int64_t first, int64_t last))

// All n elements, queued on a CUDA stream; an alpha that is not positive and finite gives NaN.
// Returns a cudaError_t.
template <class T>
int queue(const LogGammaRsample<T>&, int64_t n, void* stream);

}  // namespace ntm_fast
