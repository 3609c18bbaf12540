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
};

// Elements first ... last - 1; returns the position of the first alpha among them that is not
// positive and finite, or -1.
NTM_FAST_CPU_DECLARE(template <class T> int64_t log_gamma_rsample(const LogGammaRsample<T>&,
                                                                  int64_t first, int64_t last))

}  // namespace ntm_fast
