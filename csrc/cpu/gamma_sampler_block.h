#pragma once
// Logarithms of Gamma(alpha, 1) draws over an array. Every element is tried once without branches;
// the few rejected (5 % at worst) are gathered and tried again as vectors of their own.
//
// A draw depends on the seed and the element's flat position alone. Float draws are computed in
// float, but whether one is accepted is decided in double wherever float could err, so that every
// instruction set and the plain PyTorch reference keep the same draws.

#include <stdint.h>

#include "math/gamma_sampler.h"
#include "math/philox.h"

NTM_FAST_ISA_BEGIN

template <class T>
struct SamplerLanes;
template <>
struct SamplerLanes<float> {
  using Grade = SingleGrade;
  using V = FloatLanes;
  using Bits = Uint32Lanes;
};
template <>
struct SamplerLanes<double> {
  using Grade = DoubleGrade;
  using V = DoubleLanes;
  using Bits = Uint64Lanes;
};

// Attempts at some elements: inputs and outputs.
template <class T>
struct GammaAttempts {
  using Lanes = SamplerLanes<T>;
  using V = typename Lanes::V;
  static constexpr int capacity = 256;
  static constexpr int lanes = sizeof(V) / sizeof(T);

  alignas(64) T alpha[capacity];           // as given, positive and finite
  alignas(64) uint64_t element[capacity];  // flat position in the whole output
  alignas(64) uint64_t round[capacity];
  alignas(64) T log_gamma[capacity];
  uint32_t accepted[capacity / lanes];
  // Words of Philox: 0 and 1 make the normal, 2 decides acceptance, 3 serves alpha < 1.
  alignas(64) uint32_t words[4][capacity];
  alignas(64) uint32_t low_words[4][sizeof(T) == 8 ? capacity : 1];
  int size = 0;

  NTM_FAST_INLINE static void put(uint32_t (*into)[capacity], int i,
                                  const PhiloxWords<Uint64Lanes>& from) {
    store(into[0] + i, __builtin_convertvector(from.w0, HalfUint32Lanes));
    store(into[1] + i, __builtin_convertvector(from.w1, HalfUint32Lanes));
    store(into[2] + i, __builtin_convertvector(from.w2, HalfUint32Lanes));
    store(into[3] + i, __builtin_convertvector(from.w3, HalfUint32Lanes));
  }

  NTM_FAST_INLINE void draw_words(uint64_t seed) {
    for (int i = 0; i < size; i += double_lanes) {
      const Uint64Lanes elements = load<Uint64Lanes>(element + i);
      const Uint64Lanes rounds = load<Uint64Lanes>(round + i);
      put(words, i, philox<Uint64Lanes>(seed, elements, rounds, 0));
      if constexpr (sizeof(T) == 8) {
        put(low_words, i, philox<Uint64Lanes>(seed, elements, rounds, 1));
      }
    }
  }

  NTM_FAST_INLINE typename Lanes::Bits bits(int word, int i) const {
    if constexpr (sizeof(T) == 8) {
      const auto high = load<HalfUint32Lanes>(words[word] + i);
      const auto low = load<HalfUint32Lanes>(low_words[word] + i);
      return (__builtin_convertvector(high, Uint64Lanes) << 32) |
             __builtin_convertvector(low, Uint64Lanes);
    } else {
      return load<Uint32Lanes>(words[word] + i);
    }
  }

  // The attempt of one float lane again, in double. Returns whether it is accepted.
  inline bool decide(int i) {
    const auto from = [&](int word) __attribute__((always_inline)) {
      const double value = (words[word][i] + .5) * 0x1p-32;
      return Uniform<DoubleLanes>{splat<DoubleLanes>(value), splat<DoubleLanes>(1. - value)};
    };
    const Uniform<DoubleLanes> angle = from(1);
    const double a = alpha[i] < 1 ? double(alpha[i]) + 1. : double(alpha[i]);
    const auto attempt = gamma_attempt<DoubleGrade>(splat<DoubleLanes>(a), from(0),
                                                    angle.value - angle.complement, from(2));
    log_gamma[i] = T(attempt.log_gamma[0]);
    return attempt.margin[0] > 0;
  }

  // Fills log_gamma and accepted for the first `size` elements; whole vectors are computed.
  inline void run(uint64_t seed) {
    for (int i = size; i % 16 != 0; ++i) alpha[i] = 1, element[i] = round[i] = 0;
    draw_words(seed);
    for (int i = 0; i < size; i += lanes) {
      const V given = load<V>(alpha + i);
      const V a = select(given < T(1), given + T(1), given);
      const auto attempt = gamma_attempt<typename Lanes::Grade>(
          a, uniform(bits(0, i)), centred_uniform(bits(1, i)), uniform(bits(2, i)));
      store(log_gamma + i, attempt.log_gamma);
      uint32_t kept = mask_bits(attempt.margin > T(0));
      if constexpr (sizeof(T) == 4) {
        // The margin errs by less than 1e-4; log(root) needs double where root is nearly 0.
        const auto doubtful = ((attempt.margin > -2e-4f) & (attempt.margin < 2e-4f)) |
                              ((attempt.margin > 0.f) & (attempt.root < .03125f));
        for (uint32_t left = mask_bits(doubtful); left != 0; left &= left - 1) {
          const int lane = __builtin_ctz(left);
          kept = (kept & ~(1u << lane)) | uint32_t(decide(i + lane)) << lane;
        }
      }
      accepted[i / lanes] = kept;
    }
  }

  // log(U) / alpha where alpha < 1, else 0; held above the least finite number.
  NTM_FAST_INLINE V boost(int i) const {
    constexpr T least = sizeof(T) == 4 ? T(-3e38) : T(-1.7e308);
    const V given = load<V>(alpha + i);
    const auto small = given < T(1);
    if (mask_bits(small) == 0) return V{};
    const V log_u = -negative_log<typename Lanes::Grade>(uniform(bits(3, i)));
    const V boosted = log_u / given;
    return select(small, select(boosted < least, splat<V>(least), boosted), V{});
  }
};

// Draws for elements first ... first + n - 1 of the output, which alpha and log_gamma begin with.
// Returns the index of the first alpha that is not positive and finite, or -1.
template <class T>
int64_t gamma_sample_block(const T* alpha, T* log_gamma, uint64_t seed, int64_t first, int64_t n) {
  using Attempts = GammaAttempts<T>;
  using V = typename Attempts::V;
  constexpr int lanes = Attempts::lanes, chunk = 128;
  constexpr T most = sizeof(T) == 4 ? T(3.4028234663852886e38) : T(1.7976931348623157e308);
  Attempts once, retries;
  int64_t invalid = -1;

  const auto retry = [&]() {
    while (retries.size > 0) {
      retries.run(seed);
      int left = 0;
      for (int i = 0; i < retries.size; ++i) {
        const int64_t position = int64_t(retries.element[i]) - first;
        if (retries.accepted[i / lanes] >> (i % lanes) & 1) {
          log_gamma[position] += retries.log_gamma[i];
          continue;
        }
        retries.alpha[left] = retries.alpha[i];
        retries.element[left] = retries.element[i];
        retries.round[left++] = retries.round[i] + 1;
      }
      retries.size = left;
    }
  };

  for (int i = 0; i < chunk; ++i) once.round[i] = 0;
  for (int64_t begin = 0; begin < n; begin += chunk) {
    const int count = n - begin < chunk ? int(n - begin) : chunk;
    for (int i = 0; i < count; ++i) once.element[i] = uint64_t(first + begin + i);
    bool all_valid = true;
    NTM_FAST_SIMD for (int i = 0; i < count; ++i) {
      const T value = alpha[begin + i];
      const bool valid = (value > T(0)) & (value <= most);
      all_valid &= valid;
      once.alpha[i] = valid ? value : T(1);
    }
    for (int i = 0; !all_valid && invalid < 0 && i < count; ++i) {
      if (!(alpha[begin + i] > T(0) && alpha[begin + i] <= most)) invalid = begin + i;
    }
    once.size = count;
    once.run(seed);
    for (int i = 0; i < count; i += lanes) {
      const uint32_t within = count - i < lanes ? (1u << (count - i)) - 1 : ~0u >> (32 - lanes);
      const V boost = once.boost(i);
      store(once.log_gamma + i, load<V>(once.log_gamma + i) + boost);
      for (uint32_t left = within & ~once.accepted[i / lanes]; left != 0; left &= left - 1) {
        const int lane = __builtin_ctz(left);
        once.log_gamma[i + lane] = boost[lane];
        retries.alpha[retries.size] = once.alpha[i + lane];
        retries.element[retries.size] = once.element[i + lane];
        retries.round[retries.size++] = 1;
      }
    }
    for (int i = 0; i < count; ++i) log_gamma[begin + i] = once.log_gamma[i];
    if (retries.size > Attempts::capacity - chunk) retry();
  }
  retry();
  return invalid;
}

NTM_FAST_ISA_END
