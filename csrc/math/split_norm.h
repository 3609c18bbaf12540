#pragma once
// A logsumexp as two numbers, because one cannot hold both the largest logit and the term added to
// it: beyond 1e16 a double has no room for log V.

#include "host_device.h"

NTM_FAST_ISA_BEGIN

// shift + log_sum as value + rest: value is the sum rounded to T, rest the rounding error.
template <class T>
struct SplitNorm {
  T value;
  double rest;

  NTM_FAST_INLINE SplitNorm(double shift, double log_sum) {
    const double sum = shift + log_sum, added = sum - shift;
    value = T(sum);
    rest = (sum - double(value)) + ((shift - (sum - added)) + (log_sum - added));
  }
};

NTM_FAST_ISA_END
