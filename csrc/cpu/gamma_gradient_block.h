#pragma once
// d log x / d alpha over an array, as the backward passes of all gamma samplers need it. Arithmetic
// is double for float data too, which keeps its error below float's rounding.

#include <stdint.h>

#include "math/gamma_gradient.h"

NTM_FAST_ISA_BEGIN

template <class T>
struct GammaGradeOf;
template <>
struct GammaGradeOf<float> {
  using type = SingleGrade;
};
template <>
struct GammaGradeOf<double> {
  using type = DoubleGrade;
};

constexpr int gamma_chunk = 128;

// The few elements in the upper tail, gathered until they fill vectors.
struct GammaTail {
  static constexpr int capacity = 2 * gamma_chunk;
  alignas(64) double alpha[capacity], x[capacity], q[capacity], scale[capacity];
  int64_t position[capacity];
  int size = 0;

  NTM_FAST_INLINE void push(uint32_t lanes, DoubleLanes alphas, DoubleLanes xs, DoubleLanes qs,
                            DoubleLanes scales, int64_t first) {
    for (; lanes != 0; lanes &= lanes - 1) {
      const int lane = __builtin_ctz(lanes);
      alpha[size] = alphas[lane];
      x[size] = xs[lane];
      q[size] = qs[lane];
      scale[size] = scales[lane];
      position[size++] = first + lane;
    }
  }

  template <class T>
  void finish(T* gradient) {
    for (int i = size; i % double_lanes != 0; ++i) alpha[i] = x[i] = q[i] = scale[i] = 1;
    for (int i = 0; i < size; i += double_lanes) {
      const auto result = gamma_gradient_tail<typename GammaGradeOf<T>::type>(
          load_double(alpha + i), load_double(x + i), load_double(q + i));
      store(q + i, result * load_double(scale + i));
    }
    for (int i = 0; i < size; ++i) gradient[position[i]] = T(q[i]);
    size = 0;
  }
};

// A chunk of whole vectors; `first` is its position in the block. Returns whether all alpha are
// positive and finite.
template <class T>
NTM_FAST_INLINE bool gamma_gradient_chunk(const T* alpha, const T* log_x, const T* scale,
                                          T* gradient, int count, int64_t first, GammaTail& tail) {
  using Grade = typename GammaGradeOf<T>::type;
  constexpr int lanes = double_lanes;
  alignas(64) double x[gamma_chunk], u[gamma_chunk], t[gamma_chunk], e[gamma_chunk];
  Int64Lanes invalid{};
  for (int i = 0; i < count; i += lanes) {
    const DoubleLanes alphas = load_double(alpha + i);
    invalid |= ~((alphas > 0.) & (alphas < __builtin_inf()));
    const auto point = gamma_point<Grade>(alphas, load_double(log_x + i));
    store(x + i, point.x);
    store(u + i, point.u);
    store(t + i, point.t);
  }
  for (int i = 0; i < count; i += lanes) {
    store(e + i, gamma_e<Grade>(load_double(u + i), load_double(t + i)));
  }
  for (int i = 0; i < count; i += lanes) {
    const DoubleLanes alphas = load_double(alpha + i);
    const GammaPoint<DoubleLanes> point{load_double(x + i), load_double(u + i), load_double(t + i)};
    const auto result = gamma_gradient<Grade>(alphas, point, load_double(e + i));
    const DoubleLanes scales = scale ? load_double(scale + i) : splat<DoubleLanes>(1.);
    const uint32_t in_tail = mask_bits(in_gamma_tail<Grade>(alphas, point.x));
    if (in_tail != 0) tail.push(in_tail, alphas, point.x, result.q, scales, first + i);
    // Nothing of a gradient that overflowed is left where it does not count.
    store_double(gradient + i, select(scales == 0., DoubleLanes{}, result.gradient * scales));
  }
  return mask_bits(invalid) == 0;
}

// gradient[i] = scale[i] d log x / d alpha at (alpha[i], log_x[i]); scale may be gradient itself,
// or null for 1. Returns the index of the first alpha that is not positive and finite, or -1.
template <class T>
int64_t gamma_gradient_block(const T* alpha, const T* log_x, const T* scale, T* gradient,
                             int64_t n) {
  GammaTail tail;
  bool valid = true;
  int64_t i = 0;
  for (; i + gamma_chunk <= n; i += gamma_chunk) {
    valid &= gamma_gradient_chunk(alpha + i, log_x + i, scale ? scale + i : nullptr, gradient + i,
                                  gamma_chunk, i, tail);
    if (tail.size > GammaTail::capacity - gamma_chunk) tail.finish(gradient);
  }
  if (i < n) {
    const int rest = int(n - i);
    T a[gamma_chunk], l[gamma_chunk], s[gamma_chunk], g[gamma_chunk];
    for (int k = 0; k < gamma_chunk; ++k) {
      a[k] = k < rest ? alpha[i + k] : T(1);
      l[k] = k < rest ? log_x[i + k] : T(0);
      s[k] = k < rest && scale ? scale[i + k] : T(1);
    }
    const int whole = (rest + double_lanes - 1) / double_lanes * double_lanes;
    valid &= gamma_gradient_chunk(a, l, s, g, whole, i, tail);
    for (int k = 0; k < rest; ++k) gradient[i + k] = g[k];
  }
  tail.finish(gradient);
  for (int64_t k = 0; !valid && k < n; ++k) {
    if (!(alpha[k] > T(0) && alpha[k] < T(__builtin_inf()))) return k;
  }
  return -1;
}

NTM_FAST_ISA_END
