#pragma once

#include "exp_log.h"

NTM_FAST_ISA_BEGIN

// exp(x) - 1 - x without cancellation near 0, where x is if the posterior is close to its prior.
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

NTM_FAST_ISA_END
