#pragma once
// One element of the KL divergence Kl of rows of float or double T, made of at(j), its argument j:
//   Real                the type it is computed in
//   term()              its part of the row's divergence
//   gradient(grad, to)  grad times the derivatives of term(); those that are not read cost nothing
//   less_that_of_sums   whether the divergence is Σ_k term(x_k) - term(Σ_k x_k), else the first
//   has_negative_part   whether a part of the term may be far below 0: negative_part(), else 0
//   exactly()           term() by the slow formulas of kl_exact.h; with less_that_of_sums rows have
//                       one of their own

#include "host_device.h"
#include "kl_rows.h"

NTM_FAST_ISA_BEGIN

template <class Kl, class T>
struct KlElement;

template <class Kl, class T>
using KlReal = typename KlElement<Kl, T>::Real;

// Positive parts of a row's divergence that are this much larger than max(|it|, 1) have left it too
// few digits.
constexpr double most_cancelled = 1e4;

NTM_FAST_INLINE bool cancels(double parts, double kl) {
  const double size = kl < 0. ? -kl : kl;
  const double most = most_cancelled * (size < 1. ? 1. : size);
  return !(parts <= (most < 1e300 ? most : 1e300) && parts >= -1.);  // NaN and infinities do
}

// The gradient of a row's divergence; of_sums is that of term() at the row's sums for grad 1, or 0.
template <class Kl, class T>
NTM_FAST_INLINE void kl_gradient(const KlElement<Kl, T>& x, KlReal<Kl, T> grad,
                                 const KlReal<Kl, T> (&of_sums)[arguments_of<Kl>],
                                 KlReal<Kl, T> (&to)[arguments_of<Kl>]) {
  if constexpr (KlElement<Kl, T>::less_that_of_sums) {
    x.gradient(1, to);
    for (int j = 0; j < arguments_of<Kl>; ++j) to[j] = grad * (to[j] - of_sums[j]);
  } else {
    x.gradient(grad, to);
  }
}

NTM_FAST_ISA_END
