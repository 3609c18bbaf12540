#pragma once
// What torch's side of both optimiser ops checks and converts alike.

#include "adam.h"
#include "tensors.h"

namespace ntm_fast {

template <class T>
AdamRates<T> rounded(const AdamRates<double>& rates) {
  return {T(rates.beta1), T(rates.rest1), T(rates.beta2),
          T(rates.rest2), T(rates.eps),   T(rates.weight_decay)};
}

inline AdamRates<double> adam_rates(const char* op, double beta1, double beta2, double eps,
                                    double weight_decay) {
  check(beta1 >= 0 && beta1 < 1, op, ": beta1 is ", beta1, ", expected 0 <= beta1 < 1");
  check(beta2 >= 0 && beta2 < 1, op, ": beta2 is ", beta2, ", expected 0 <= beta2 < 1");
  check(eps >= 0, op, ": eps is ", eps, ", expected a number >= 0");
  check(weight_decay >= 0, op, ": weight_decay is ", weight_decay, ", expected a number >= 0");
  return {beta1, 1 - beta1, beta2, 1 - beta2, eps, weight_decay};
}

}  // namespace ntm_fast
