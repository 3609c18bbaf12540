#pragma once
// With the mean's logarithm log λ + log Γ(1 + 1/k) and e = b times the mean,
//   KL(Weibull(k, λ) ‖ Gamma(a, b)) = a (γ/k - log λ - log b) + log Γ(a) + log k + e - γ - 1
//   ∂k = (k - a γ - e ψ(1 + 1/k)) / k²                     ∂λ = (e - a) / λ
//   ∂a = γ/k - log λ - log b + ψ(a)                        ∂b = (e - a) / b

#include "kl_element.h"
#include "kl_exact.h"
#include "special.h"

NTM_FAST_ISA_BEGIN

template <class T>
struct KlElement<KlWeibullGamma, T> {
  using Real = double;
  static constexpr bool less_that_of_sums = false, has_negative_part = true;
  static constexpr double euler = .57721566490153286061;
  double inverse, shape, scale, a, b, log_scale, mean;

  template <class At>
  NTM_FAST_INLINE explicit KlElement(const At& at)
      : inverse(1. / at(0)),
        shape(at(0)),
        scale(at(1)),
        a(at(2)),
        b(at(3)),
        log_scale(log(scale) + log(b)),
        mean(exp(log_scale + lgamma(1. + inverse))) {}

  NTM_FAST_INLINE double term() const {
    return (a * (euler / shape - log_scale) + log(shape)) + (lgamma(a) + (mean - (euler + 1.)));
  }
  NTM_FAST_INLINE double negative_part() const {
    const double part = a * (euler / shape - log_scale);
    return part < 0. ? part : 0.;
  }
  NTM_FAST_INLINE double exactly() const { return kl_weibull_gamma_exactly(shape, scale, a, b); }
  NTM_FAST_INLINE void gradient(double grad, double (&to)[4]) const {
    to[0] = grad * (inverse - (a * euler + mean * digamma(1. + inverse)) * inverse * inverse);
    to[1] = grad * ((mean - a) / scale);
    to[2] = grad * ((euler / shape - log_scale) + digamma(a));
    to[3] = grad * ((mean - a) / b);
  }
};

NTM_FAST_ISA_END
