#pragma once
// KL(Dir(a) ‖ Dir(b)) = Σ_k D(a_k, b_k) - D(Σ a, Σ b), D of gamma_divergence.h.

#include "gamma_divergence.h"
#include "kl_element.h"

NTM_FAST_ISA_BEGIN

template <class T>
struct KlElement<KlDirichlet, T> {
  using Real = double;
  static constexpr bool less_that_of_sums = true;
  double a, b;

  template <class At>
  NTM_FAST_INLINE explicit KlElement(const At& at) : a(at(0)), b(at(1)) {}

  NTM_FAST_INLINE double term() const { return lgamma_divergence(a, b); }
  NTM_FAST_INLINE void gradient(double grad, double (&to)[2]) const {
    to[0] = grad * ((a - b) * trigamma(a));
    to[1] = grad * (digamma(b) - digamma(a));
  }
};

NTM_FAST_ISA_END
