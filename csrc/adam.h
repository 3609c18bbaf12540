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

}  // namespace ntm_fast
