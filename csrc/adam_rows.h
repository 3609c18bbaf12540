#pragma once
#include <stdint.h>

#include "adam.h"

namespace ntm_fast {

// Steps of Adam on rows of a parameter [V, H]. Row rows[i] has taken the first done[i] of the
// schedule's steps; it takes the others, all but the last with a gradient of 0, and the last with
// row i of the gradient if there is one. Bit for bit what Adam does to all rows at each step.
template <class T>
struct AdamRows {
  T *parameter, *average, *square;  // [V, H]
  const T* gradient;                // [rows, H], or null
  const int32_t *rows, *done;
  const AdamStep<T>* schedule;  // [steps]
  // growth[t]: no later zero-gradient step is longer than this times step t.
  const T* growth;
  int64_t steps, features;
  AdamRates<T> rates;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void adam_rows(const AdamRows<T>&, int64_t first_row, int64_t last_row))

}  // namespace ntm_fast
