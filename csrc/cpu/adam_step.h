#pragma once
// Adam on one vector of elements: the only place where its formula stands, so that a step gives the
// same bits whether it is taken at once or replayed later.

#include "adam.h"
#include "cpu/simd/vector_rows.h"

NTM_FAST_ISA_BEGIN

template <class T, class V>
NTM_FAST_INLINE void adam_moments(V gradient, V& average, V& square, const AdamRates<T>& rates) {
  average = rates.beta1 * average + rates.rest1 * gradient;
  square = rates.beta2 * square + rates.rest2 * gradient * gradient;
}

// The direction to subtract from the parameter, before the step size; updates average and square.
template <class T, bool DECAY, class V>
NTM_FAST_INLINE V adam_direction(V parameter, V gradient, V& average, V& square, T root_scale,
                                 const AdamRates<T>& rates) {
  if constexpr (DECAY) gradient += rates.weight_decay * parameter;
  adam_moments(gradient, average, square, rates);
  return average / (root_scale * square_root(square) + rates.eps);
}

template <class T, bool DECAY, class V>
NTM_FAST_INLINE void adam_step(V& parameter, V gradient, V& average, V& square,
                               const AdamStep<T>& step, const AdamRates<T>& rates) {
  const V direction =
      adam_direction<T, DECAY>(parameter, gradient, average, square, step.root_scale, rates);
  parameter -= step.step_size * direction;
}

NTM_FAST_ISA_END
