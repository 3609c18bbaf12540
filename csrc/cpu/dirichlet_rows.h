#pragma once
// Rows of gammas into Dirichlet draws, for the samplers.

#include "cpu/gamma_sampler_block.h"
#include "math/exp_log.h"

NTM_FAST_ISA_BEGIN

// Vectors over a row of any length. Full vectors first; the last ones go through a buffer padded
// with values that change neither a maximum nor a sum.
template <class T>
struct RowLanes {
  using V = typename SamplerLanes<T>::V;
  using Grade = typename SamplerLanes<T>::Grade;
  static constexpr int lanes = sizeof(V) / sizeof(T);
  static constexpr T infinity = T(__builtin_inf());

  NTM_FAST_INLINE static V load_part(const T* from, int64_t count, T fill) {
    alignas(64) T buffer[lanes];
    for (int i = 0; i < lanes; ++i) buffer[i] = i < count ? from[i] : fill;
    return load<V>(buffer);
  }
  NTM_FAST_INLINE static void store_part(T* to, int64_t count, V value) {
    alignas(64) T buffer[lanes];
    store(buffer, value);
    for (int64_t i = 0; i < count; ++i) to[i] = buffer[i];
  }
  // f(a vector of the row, its first column, how many columns it has)
  template <class F>
  NTM_FAST_INLINE static void each(const T* row, int64_t topics, T fill, const F& f) {
    int64_t k = 0;
    for (; k + lanes <= topics; k += lanes) f(load<V>(row + k), k, int64_t(lanes));
    if (k < topics) f(load_part(row + k, topics - k, fill), k, topics - k);
  }

  NTM_FAST_INLINE static T sum_lanes(V v) {
    alignas(64) T part[lanes];
    store(part, v);
    for (int step = lanes / 2; step > 0; step /= 2) {
      for (int i = 0; i < step; ++i) part[i] += part[i + step];
    }
    return part[0];
  }
  NTM_FAST_INLINE static T max_lanes(V v) {
    alignas(64) T part[lanes];
    store(part, v);
    for (int step = lanes / 2; step > 0; step /= 2) {
      for (int i = 0; i < step; ++i) {
        part[i] = part[i + step] > part[i] ? part[i + step] : part[i];
      }
    }
    return part[0];
  }

  // 0 where it would be denormal
  NTM_FAST_INLINE static V exponential(V x) {
    constexpr T least = sizeof(T) == 4 ? T(-87) : T(-708);
    return select(x < least, V{}, exp_clamped<Grade>(x, least, T(80)));
  }

  NTM_FAST_INLINE static T maximum(const T* row, int64_t topics) {
    V best = splat<V>(-infinity);
    each(row, topics, -infinity, [&](V l, int64_t, int64_t) { best = select(l > best, l, best); });
    return max_lanes(best);
  }
  // Sum of exp(row - most), at least 1.
  NTM_FAST_INLINE static T sum_exponentials(const T* row, int64_t topics, T most) {
    V sum{};
    each(row, topics, -infinity, [&](V l, int64_t, int64_t) { sum += exponential(l - most); });
    return sum_lanes(sum);
  }
};

// A row whose gammas' logarithms are all too large for T, alpha being next to 0: then they are
// log(u) / alpha, of uniforms that log_u(k) has the logarithms of, and are scaled to be compared.
template <class T, class LogU>
__attribute__((noinline)) void normalise_tiny_row(const T* alpha, T* log_theta, int64_t topics,
                                                  const LogU& log_u) {
  constexpr double scale = 0x1p-300, least = sizeof(T) == 4 ? -3e38 : -1.7e308;
  const auto scaled = [&](int64_t k) { return log_u(k) * scale / double(alpha[k]); };
  double most = -__builtin_inf(), sum = 0;
  for (int64_t k = 0; k < topics; ++k) most = scaled(k) > most ? scaled(k) : most;
  for (int64_t k = 0; k < topics; ++k) sum += exp((scaled(k) - most) / scale);
  for (int64_t k = 0; k < topics; ++k) {
    const double value = (scaled(k) - most) / scale - log(sum);
    log_theta[k] = T(value < least ? least : value);
  }
}

// log(U) of the first 32 or, for double, 52 random bits: word `word` of Philox, as uniform().
template <class T>
NTM_FAST_INLINE double log_uniform(uint64_t seed, uint64_t element, uint64_t round, int word) {
  const auto of = [&](uint64_t half) {
    const PhiloxWords<uint64_t> words = philox<uint64_t>(seed, element, round, half);
    return uint64_t(uint32_t(word == 0 ? words.w0 : words.w3));
  };
  if (sizeof(T) == 4) return log((double(of(0)) + .5) * 0x1p-32);
  return log((double(of(0) << 20 | of(1) >> 12) + .5) * 0x1p-52);
}

// log_theta = log_gamma - logsumexp(log_gamma), row by row; both may be one array. Calls tiny(row)
// for those that are as good as -infinity throughout.
template <class T, class Tiny>
void normalise_log_rows(const T* log_gamma, T* log_theta, int64_t rows, int64_t topics,
                        const Tiny& tiny) {
  using Row = RowLanes<T>;
  constexpr T limit = sizeof(T) == 4 ? T(-1e38) : T(-1e307);
  constexpr int group = 64;  // rows whose logarithms are taken together
  T most[group], sum[group];
  for (int64_t begin = 0; begin < rows; begin += group) {
    const int count = rows - begin < group ? int(rows - begin) : group;
    for (int r = 0; r < count; ++r) {
      const T* row = log_gamma + (begin + r) * topics;
      most[r] = Row::maximum(row, topics);
      sum[r] = Row::sum_exponentials(row, topics, most[r]);
    }
    NTM_FAST_SIMD for (int r = 0; r < count; ++r) sum[r] = log(sum[r]);
    for (int r = 0; r < count; ++r) {
      const int64_t offset = (begin + r) * topics;
      for (int64_t k = 0; k < topics; ++k) {
        // In this order, so that the digits of a large maximum cancel before log(sum) is added.
        log_theta[offset + k] = (log_gamma[offset + k] - most[r]) - sum[r];
      }
      if (most[r] < limit) tiny(begin + r);
    }
  }
}

// The gradient of log_gamma, G - theta sum G, from that of log_theta, row by row.
template <class T>
void project_rows(const T* grad_log_theta, const T* log_theta, T* grad_log_gamma, int64_t rows,
                  int64_t topics) {
  using Row = RowLanes<T>;
  using V = typename Row::V;
  for (int64_t row = 0; row < rows; ++row) {
    const T* grad = grad_log_theta + row * topics;
    T* out = grad_log_gamma + row * topics;
    V sums{};
    Row::each(grad, topics, T(0), [&](V g, int64_t, int64_t) { sums += g; });
    const T sum = Row::sum_lanes(sums);
    Row::each(log_theta + row * topics, topics, T(0), [&](V l, int64_t k, int64_t count) {
      const V theta = Row::exponential(l);
      if (count == Row::lanes) {
        store(out + k, load<V>(grad + k) - theta * sum);
      } else {
        Row::store_part(out + k, count, Row::load_part(grad + k, count, T(0)) - theta * sum);
      }
    });
  }
}

NTM_FAST_ISA_END
