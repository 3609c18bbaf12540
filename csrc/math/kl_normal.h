#pragma once
// KL(N(μ, exp λ) ‖ N(m, exp l)) = ½ [exp(λ - l) - 1 - (λ - l) + (μ - m)² exp(-l)].

#include "exp_log.h"
#include "kl_element.h"

NTM_FAST_ISA_BEGIN

// exp(x) - 1 - x without cancellation near 0, where a posterior close to its prior sits.
template <class T>
NTM_FAST_INLINE T exp_minus_tangent(T x) {
  T series = T(1) / T(39916800);
  series = series * x + T(1) / T(3628800);
  series = series * x + T(1) / T(362880);
  series = series * x + T(1) / T(40320);
  series = series * x + T(1) / T(5040);
  series = series * x + T(1) / T(720);
  series = series * x + T(1) / T(120);
  series = series * x + T(1) / T(24);
  series = series * x + T(1) / T(6);
  series = series * x + T(.5);
  const T direct = exp(x) - T(1) - x;
  constexpr T near = sizeof(T) == 4 ? T(1) : T(.1);  // the series' error there: 6e-9 and 5e-18
  return (x < near) & (x > -near) ? x * x * series : direct;
}

template <class T>
struct KlElement<KlNormal, T> {
  using Real = T;
  static constexpr bool less_that_of_sums = false;
  T difference, log_variance, prior_log_variance;

  template <class At>
  NTM_FAST_INLINE explicit KlElement(const At& at)
      : difference(at(0) - at(2)), log_variance(at(1)), prior_log_variance(at(3)) {}

  NTM_FAST_INLINE T term() const {
    return T(.5) * (exp_minus_tangent(log_variance - prior_log_variance) +
                    difference * difference * exp(-prior_log_variance));
  }
  NTM_FAST_INLINE void gradient(T grad, T (&to)[4]) const {
    const T inverse = exp(-prior_log_variance), ratio = exp(log_variance - prior_log_variance);
    to[0] = grad * difference * inverse;
    to[1] = T(.5) * grad * (ratio - T(1));
    to[2] = -to[0];
    to[3] = T(.5) * grad * (T(1) - ratio - difference * difference * inverse);
  }
};

NTM_FAST_ISA_END
