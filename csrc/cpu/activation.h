#pragma once
// Activations and their derivatives, branch-free, for loops that vectorise.

#include "../dense_layer.h"
#include "../math/softplus.h"

NTM_FAST_ISA_BEGIN

// Calls f(activation, derivative by the value) for one of them.
template <class T, class F>
NTM_FAST_INLINE void with_activation(Activation which, const F& f) {
  switch (which) {
    case Activation::none:
      return f([](T z) __attribute__((always_inline)) { return z; },
               [](T) __attribute__((always_inline)) { return T(1); });
    case Activation::softplus:
      return f([](T z) __attribute__((always_inline)) { return softplus(z); },
               [](T y) __attribute__((always_inline)) { return softplus_slope(y); });
    case Activation::relu:  // NaN stays
      return f([](T z) __attribute__((always_inline)) { return z < T(0) ? T(0) : z; },
               [](T y) __attribute__((always_inline)) { return y > T(0) ? T(1) : T(0); });
  }
}

NTM_FAST_ISA_END
