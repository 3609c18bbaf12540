#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// What a step of Adam has in common for all elements; the bias corrections are in the AdamStep.
template <class T>
struct AdamRates {
  T beta1, rest1;  // rest1 = 1 - beta1
  T beta2, rest2;  // rest2 = 1 - beta2
  T eps, weight_decay;
};

// step_size = learning rate / (1 - beta1^t), root_scale = 1 / sqrt(1 - beta2^t)
template <class T>
struct AdamStep {
  T step_size, root_scale;
};

// One step on a parameter, all arrays of its size.
template <class T>
struct Adam {
  T* parameter;
  const T* gradient;
  T *average, *square;
  AdamStep<T> step;
  AdamRates<T> rates;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void adam(const Adam<T>&, int64_t first_element, int64_t last_element))

// All zero-gradient steps from one on, at once. With moments m and v before them they take off the
// parameter m * sum_j a_j / (b_j sqrt(v) + eps), where a_j holds step size and decay of m, and b_j
// root scale and decay of sqrt(v). The b_j are close to their mean c, so that with
// q = 1 / (c sqrt(v) + eps) the sum is q * sum_k terms[k] * (q sqrt(v))^k, terms[k] the sum of
// a_j (c - b_j)^k: a series whose ratio is at most |1 - b_j / c|, whatever v and eps are.
template <class T>
struct AdamLeap {
  static constexpr int n_terms = 8;
  T centre, terms[n_terms];
  T average_decay, square_decay;
  bool exact;  // to rounding; else the steps are taken one by one
};

// Steps of Adam on rows of a parameter [V, H]. Row rows[i] has taken the first done[i] of the
// schedule's steps; it takes the others, all but the last with a gradient of 0, and the last with
// row i of the gradient if there is one.
template <class T>
struct AdamRows {
  T *parameter, *average, *square;  // [V, H]
  const T* gradient;                // [rows, H], or null
  const int32_t *rows, *done;
  const AdamStep<T>* schedule;  // [steps]
  // growth[t]: no later zero-gradient step is longer than this times step t.
  const T* growth;
  const AdamLeap<T>* leaps;  // [steps], from each step to the last with a gradient of 0
  int64_t steps, features;
  AdamRates<T> rates;
};

NTM_FAST_CPU_DECLARE(template <class T>
                     void adam_rows(const AdamRows<T>&, int64_t first_row, int64_t last_row))

}  // namespace ntm_fast
