#pragma once
// One element of the KL divergence Kl of rows of float or double T, made of at(j), its argument j:
//   Real                the type it is computed in
//   term()              its part of the row's divergence
//   gradient(grad, to)  grad times the derivatives of term(); those that are not read cost nothing
//   less_that_of_sums   whether the divergence is Σ_k term(x_k) - term(Σ_k x_k), else the first

#include "../kl_rows.h"
#include "host_device.h"

NTM_FAST_ISA_BEGIN

template <class Kl, class T>
struct KlElement;

template <class Kl, class T>
using KlReal = typename KlElement<Kl, T>::Real;

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
