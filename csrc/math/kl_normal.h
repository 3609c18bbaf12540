#pragma once
// KL(N(μ, exp λ) ‖ N(m, exp l)) = ½ [exp(λ - l) - 1 - (λ - l) + (μ - m)² exp(-l)].

#include "exp_minus_tangent.h"
#include "kl_element.h"
#include "kl_exact.h"

NTM_FAST_ISA_BEGIN

template <class T>
struct KlElement<KlNormal, T> {
  using Real = T;
  static constexpr bool less_that_of_sums = false, has_negative_part = false;
  T mean, prior_mean, difference, log_variance, prior_log_variance;

  template <class At>
  NTM_FAST_INLINE explicit KlElement(const At& at)
      : mean(at(0)),
        prior_mean(at(2)),
        difference(mean - prior_mean),
        log_variance(at(1)),
        prior_log_variance(at(3)) {}

  NTM_FAST_INLINE T term() const {
    return T(.5) * (exp_minus_tangent(log_variance - prior_log_variance) +
                    difference * difference * exp(-prior_log_variance));
  }
  // Where the square overflows and the exponential does not.
  NTM_FAST_INLINE double exactly() const {
    return kl_normal_exactly(double(mean) - double(prior_mean), double(log_variance),
                             double(prior_log_variance));
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
