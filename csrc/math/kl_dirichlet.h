#pragma once
// KL(Dir(a) ‖ Dir(b)) = Σ_k D(a_k, b_k) - D(Σ a, Σ b), D of gamma_divergence.h.

#include "gamma_divergence.h"
#include "kl_element.h"
#include "kl_exact.h"

NTM_FAST_ISA_BEGIN

template <class T>
struct KlElement<KlDirichlet, T> {
  using Real = double;
  static constexpr bool less_that_of_sums = true, has_negative_part = false;
  double a, b;

  template <class At>
  NTM_FAST_INLINE explicit KlElement(const At& at) : a(at(0)), b(at(1)) {}

  NTM_FAST_INLINE double term() const { return lgamma_divergence(a, b); }
  NTM_FAST_INLINE void gradient(double grad, double (&to)[2]) const {
    to[0] = grad * ((a - b) * trigamma(a));
    to[1] = grad * (digamma(b) - digamma(a));
  }

  // For a row's sums: whether gradient(…)[0] of the sums nearly cancels that of every topic, so
  // that slope() is needed.
  NTM_FAST_INLINE bool slopes_cancel() const { return a > 1e6 && b < .5 * a; }
  // The gradient of a single topic, where they cancel entirely.
  NTM_FAST_INLINE double none() const { return 0. * (a + b); }
  NTM_FAST_INLINE double slope() const { return divergence_slope_less_one(a, b); }
};

NTM_FAST_ISA_END
