#include "logistic_normal_rsample.h"

#include "cpu/gamma_sampler_block.h"
#include "math/exp_log.h"

NTM_FAST_ISA_BEGIN

namespace {

constexpr int chunk = 32;

// Normals of one chunk.
template <class T>
NTM_FAST_INLINE void normals(T (&noise)[chunk], uint64_t seed, uint64_t first_counter) {
  using Lanes = SamplerLanes<T>;
  using Grade = typename Lanes::Grade;
  constexpr int halves = sizeof(T) == 8 ? 2 : 1, width = sizeof(typename Lanes::V) / sizeof(T);
  alignas(64) uint32_t words[halves][4][chunk / 2];
  for (int half = 0; half < halves; ++half) {
    for (int i = 0; i < chunk / 2; i += double_lanes) {
      Uint64Lanes counter = splat<Uint64Lanes>(first_counter + uint64_t(i));
      for (int j = 0; j < double_lanes; ++j) counter[j] += uint64_t(j);
      const auto w = philox<Uint64Lanes>(seed, counter, Uint64Lanes{}, uint64_t(half));
      store(words[half][0] + i, __builtin_convertvector(w.w0, HalfUint32Lanes));
      store(words[half][1] + i, __builtin_convertvector(w.w1, HalfUint32Lanes));
      store(words[half][2] + i, __builtin_convertvector(w.w2, HalfUint32Lanes));
      store(words[half][3] + i, __builtin_convertvector(w.w3, HalfUint32Lanes));
    }
  }
  const auto bits = [&](int word, int i) __attribute__((always_inline)) {
    if constexpr (halves == 2) {
      const auto high = load<HalfUint32Lanes>(words[0][word] + i);
      const auto low = load<HalfUint32Lanes>(words[1][word] + i);
      return (__builtin_convertvector(high, Uint64Lanes) << 32) |
             __builtin_convertvector(low, Uint64Lanes);
    } else {
      return load<Uint32Lanes>(words[0][word] + i);
    }
  };
  for (int pair = 0; pair < 2; ++pair) {
    for (int i = 0; i < chunk / 2; i += width) {
      const auto radius = square_root(T(2) * negative_log<Grade>(uniform(bits(2 * pair, i))));
      const auto angle = centred_uniform(bits(2 * pair + 1, i));
      const auto sine = angle * Grade::half_sine(angle * angle);
      store(noise + pair * chunk / 2 + i, radius * sine);
    }
  }
}

// Calls f(first element, how many, up to a chunk) along a row.
template <class F>
NTM_FAST_INLINE void for_chunks(int64_t topics, const F& f) {
  int64_t k = 0;
  for (; k + chunk <= topics; k += chunk) f(k, int64_t{chunk});
  if (k < topics) f(k, topics - k);
}

template <class T>
NTM_FAST_INLINE void load_chunk(T (&to)[chunk], const T* from, int64_t n, T fill) {
  if (n == chunk) {
    __builtin_memcpy(to, from, sizeof to);
  } else {
    for (int i = 0; i < chunk; ++i) to[i] = i < n ? from[i] : fill;
  }
}
template <class T>
NTM_FAST_INLINE void store_chunk(T* to, const T (&from)[chunk], int64_t n) {
  __builtin_memcpy(to, from, uint64_t(n) * sizeof(T));
}

// All lanes made one by halves, the same on any instruction set.
template <class T, class F>
NTM_FAST_INLINE T reduce(T (&lanes)[chunk], const F& combine) {
#pragma GCC unroll 5
  for (int step = chunk / 2; step > 0; step /= 2) {
    NTM_FAST_SIMD for (int i = 0; i < step; ++i) lanes[i] = combine(lanes[i], lanes[i + step]);
  }
  return lanes[0];
}

template <class T>
NTM_FAST_INLINE T sum(T (&lanes)[chunk]) {
  return reduce(lanes, [](T a, T b) __attribute__((always_inline)) { return a + b; });
}

}  // namespace

template <class T>
void logistic_normal_rsample(const LogisticNormalRsample<T>& args, int64_t first_row,
                             int64_t last_row) {
  constexpr T infinity = T(__builtin_inf());
  const int64_t topics = args.topics, chunks = (topics + chunk - 1) / chunk;
  alignas(64) T a[chunk], b[chunk], noise[chunk], lanes[chunk];
  for (int64_t row = first_row; row < last_row; ++row) {
    const T* mean = args.mean + row * args.mean_stride;
    const T* log_variance = args.log_variance + row * args.log_variance_stride;
    T *theta = args.theta + row * topics, *half_deviation = args.half_deviation + row * topics;
    for (int i = 0; i < chunk; ++i) lanes[i] = -infinity;
    for_chunks(topics, [&](int64_t k, int64_t n) __attribute__((always_inline)) {
      normals(noise, args.seed, uint64_t(row * chunks * (chunk / 2) + k / 2));
      load_chunk(a, mean + k, n, -infinity);
      load_chunk(b, log_variance + k, n, T(0));
      NTM_FAST_SIMD for (int i = 0; i < chunk; ++i) {
        const T deviation = exp(T(.5) * b[i]) * noise[i];
        a[i] += deviation;
        b[i] = T(.5) * deviation;
        lanes[i] = a[i] > lanes[i] ? a[i] : lanes[i];
      }
      store_chunk(theta + k, a, n);
      store_chunk(half_deviation + k, b, n);
    });
    const T most =
        reduce(lanes, [](T a, T b) __attribute__((always_inline)) { return a > b ? a : b; });
    for (int i = 0; i < chunk; ++i) lanes[i] = 0;
    for_chunks(topics, [&](int64_t k, int64_t n) __attribute__((always_inline)) {
      load_chunk(a, theta + k, n, -infinity);
      NTM_FAST_SIMD for (int i = 0; i < chunk; ++i) a[i] = exp(a[i] - most);
      if (n < chunk) {
        for (int i = int(n); i < chunk; ++i) a[i] = 0;
      }
      NTM_FAST_SIMD for (int i = 0; i < chunk; ++i) lanes[i] += a[i];
      store_chunk(theta + k, a, n);
    });
    const T share = T(1) / sum(lanes);
    NTM_FAST_SIMD for (int64_t k = 0; k < topics; ++k) theta[k] *= share;
  }
}

template <class T>
void logistic_normal_rsample_backward(const LogisticNormalRsampleBackward<T>& args,
                                      int64_t first_row, int64_t last_row) {
  const int64_t topics = args.topics;
  alignas(64) T lanes[chunk];
  for (int64_t row = first_row; row < last_row; ++row) {
    const T *grad = args.grad_theta + row * topics, *theta = args.theta + row * topics,
            *half_deviation = args.half_deviation + row * topics;
    T *grad_mean = args.grad_mean + row * topics,
      *grad_log_variance = args.grad_log_variance + row * topics;
    for (int i = 0; i < chunk; ++i) lanes[i] = 0;
    for_chunks(topics, [&](int64_t k, int64_t n) __attribute__((always_inline)) {
      if (n == chunk) {
        NTM_FAST_SIMD for (int i = 0; i < chunk; ++i) lanes[i] += grad[k + i] * theta[k + i];
      } else {
        for (int i = 0; i < n; ++i) lanes[i] += grad[k + i] * theta[k + i];
      }
    });
    const T product = sum(lanes);
    NTM_FAST_SIMD for (int64_t k = 0; k < topics; ++k) {
      const T g = theta[k] * (grad[k] - product);
      grad_mean[k] = g;
      grad_log_variance[k] = g * half_deviation[k];
    }
  }
}

#define NTM_FAST_INSTANTIATE(T)                                                                    \
  template void logistic_normal_rsample(const LogisticNormalRsample<T>&, int64_t, int64_t);        \
  template void logistic_normal_rsample_backward(const LogisticNormalRsampleBackward<T>&, int64_t, \
                                                 int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
