#pragma once
// KL divergences of rows [R, K], each closed-form in its elements: what they are called here, and
// what their kernels are given. csrc/math/<op>.h has the formulas.

#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

struct KlDirichlet {
  static constexpr const char *op = "kl_dirichlet", *names[] = {"alpha", "prior"};
  static constexpr bool positive = true;   // else arguments are any number
  static constexpr double element_ns = 5;  // on one thread
};

struct KlGamma {
  static constexpr const char *op = "kl_gamma",
                              *names[] = {"alpha", "rate", "prior_alpha", "prior_rate"};
  static constexpr bool positive = true;
  static constexpr double element_ns = 6;
};

struct KlNormal {
  static constexpr const char *op = "kl_normal", *names[] = {"mean", "log_variance", "prior_mean",
                                                             "prior_log_variance"};
  static constexpr bool positive = false;
  static constexpr double element_ns = 2;
};

struct KlWeibullGamma {
  static constexpr const char *op = "kl_weibull_gamma",
                              *names[] = {"shape", "scale", "prior_alpha", "prior_rate"};
  static constexpr bool positive = true;
  static constexpr double element_ns = 8;
};

#define NTM_FAST_EACH_KL(DO) DO(KlDirichlet) DO(KlGamma) DO(KlNormal) DO(KlWeibullGamma)

template <class Kl>
constexpr int arguments_of = sizeof(Kl::names) / sizeof(Kl::names[0]);
// The posterior's arguments come first, then as many of the prior's.
template <class Kl>
constexpr int half_of = arguments_of<Kl> / 2;

// An argument [R, K] whose rows are stride elements apart, or [1, K] with stride 0.
template <class T>
struct Rows {
  const T* data;
  int64_t stride;
};

template <class Kl, class T>
struct KlRows {
  Rows<T> arguments[arguments_of<Kl>];
  T* kl;  // [R]
  int64_t topics;
};

// Gradients [R, K] of sum_r grad_kl[r] * kl[r] to each argument; null where not wanted.
template <class Kl, class T>
struct KlRowsBackward {
  Rows<T> arguments[arguments_of<Kl>];
  const T* grad_kl;
  T* gradients[arguments_of<Kl>];
  bool of_prior;  // whether any of the prior's is wanted
  int64_t topics;
};

NTM_FAST_CPU_DECLARE(template <class Kl, class T>
                     void kl_rows(const KlRows<Kl, T>&, int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class Kl, class T>
                     void kl_rows_backward(const KlRowsBackward<Kl, T>&, int64_t first_row,
                                           int64_t last_row))

// All rows, queued on a CUDA stream; NaN for arguments that should be positive and are not. They
// return a cudaError_t.
template <class Kl, class T>
int queue(const KlRows<Kl, T>&, int64_t rows, void* stream);
template <class Kl, class T>
int queue(const KlRowsBackward<Kl, T>&, int64_t rows, void* stream);

}  // namespace ntm_fast
