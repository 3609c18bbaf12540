#pragma once
// KL(Gamma(a, r) ‖ Gamma(b, q)) = D(a, b) + b (w - 1 - log w) + (a - b)(w - 1), w = q / r, D of
// gamma_divergence.h.

#include "gamma_divergence.h"
#include "kl_element.h"
#include "kl_exact.h"

NTM_FAST_ISA_BEGIN

template <class T>
struct KlElement<KlGamma, T> {
  using Real = double;
  static constexpr bool less_that_of_sums = false, has_negative_part = true;
  double a, r, b, q;

  template <class At>
  NTM_FAST_INLINE explicit KlElement(const At& at) : a(at(0)), r(at(1)), b(at(2)), q(at(3)) {}

  NTM_FAST_INLINE double term() const {
    const double excess = excess_rate(r, q);
    return lgamma_divergence(a, b) + (b * rate_divergence(q / r, excess) + (a - b) * excess);
  }
  NTM_FAST_INLINE double negative_part() const {
    const double part = (a - b) * excess_rate(r, q);
    return part < 0. ? part : 0.;
  }
  NTM_FAST_INLINE double exactly() const { return kl_gamma_exactly(a, r, b, q); }
  NTM_FAST_INLINE void gradient(double grad, double (&to)[4]) const {
    to[0] = grad * ((a - b) * trigamma(a) + excess_rate(r, q));
    to[1] = grad * ((b - a * (q / r)) / r);
    to[2] = grad * (digamma(b) - digamma(a) - log(q / r));
    to[3] = grad * (a / r - b / q);
  }
};

NTM_FAST_ISA_END
