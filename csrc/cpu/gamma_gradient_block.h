#pragma once
// d log x / d alpha over an array, as the backward passes of all gamma samplers need it. Arithmetic
// is double for float data too, which keeps its error below float's rounding.

#include <stdint.h>

#include "../math/gamma_gradient.h"

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
  alignas(64) double alpha[capacity], x[capacity], q[capacity];
  int64_t position[capacity];
  int size = 0;

  NTM_FAST_INLINE void push(uint32_t lanes, DoubleLanes alphas, DoubleLanes xs, DoubleLanes qs,
                            int64_t first) {
    for (; lanes != 0; lanes &= lanes - 1) {
      const int lane = __builtin_ctz(lanes);
      alpha[size] = alphas[lane];
      x[size] = xs[lane];
      q[size] = qs[lane];
      position[size++] = first + lane;
    }
  }

  template <class T>
  void finish(T* gradient) {
    // What stands behind the last element is older or the fill below: harmless.
    for (int i = size; i % double_lanes != 0; ++i) alpha[i] = x[i] = q[i] = 1;
    for (int i = 0; i < size; i += double_lanes) {
      const auto result = gamma_gradient_tail<typename GammaGradeOf<T>::type>(
          load_double(alpha + i), load_double(x + i), load_double(q + i));
      store(q + i, result);
    }
    for (int i = 0; i < size; ++i) gradient[position[i]] = T(q[i]);
    size = 0;
  }
};

// A chunk of whole vectors; `first` is its position in the block.
template <class T>
NTM_FAST_INLINE void gamma_gradient_chunk(const T* alpha, const T* log_x, T* gradient, int count,
                                          int64_t first, GammaTail& tail) {
  using Grade = typename GammaGradeOf<T>::type;
  constexpr int lanes = double_lanes;
  alignas(64) double x[gamma_chunk], u[gamma_chunk], t[gamma_chunk], e[gamma_chunk];
  for (int i = 0; i < count; i += lanes) {
    const auto point = gamma_point<Grade>(load_double(alpha + i), load_double(log_x + i));
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
    store_double(gradient + i, result.gradient);
    const uint32_t in_tail = mask_bits(in_gamma_tail<Grade>(alphas, point.x));
    if (in_tail != 0) tail.push(in_tail, alphas, point.x, result.q, first + i);
  }
}

// gradient[i] = d log x / d alpha at (alpha[i], log_x[i])
template <class T>
void gamma_gradient_block(const T* alpha, const T* log_x, T* gradient, int64_t n) {
  GammaTail tail;
  int64_t i = 0;
  for (; i + gamma_chunk <= n; i += gamma_chunk) {
    gamma_gradient_chunk(alpha + i, log_x + i, gradient + i, gamma_chunk, i, tail);
    if (tail.size > GammaTail::capacity - gamma_chunk) tail.finish(gradient);
  }
  if (i == n) return tail.finish(gradient);
  const int rest = int(n - i);
  T a[gamma_chunk], l[gamma_chunk], g[gamma_chunk];
  for (int k = 0; k < gamma_chunk; ++k) {
    a[k] = k < rest ? alpha[i + k] : T(1);
    l[k] = k < rest ? log_x[i + k] : T(0);
  }
  const int whole = (rest + double_lanes - 1) / double_lanes * double_lanes;
  gamma_gradient_chunk(a, l, g, whole, i, tail);
  for (int k = 0; k < rest; ++k) gradient[i + k] = g[k];
  tail.finish(gradient);
}

NTM_FAST_ISA_END
