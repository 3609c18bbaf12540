#pragma once
// One draw of log Gamma(alpha, 1) per thread: the same random numbers as
// cpu/gamma_sampler_block.h, which says more, and the same draws except for the last bits.

#include <stdint.h>

#include "math/gamma_sampler.h"
#include "math/philox.h"

namespace ntm_fast {
namespace cuda {

// A seed given as a number, or read where the kernel runs.
__device__ __forceinline__ uint64_t read_seed(const uint64_t* place, uint64_t number) {
  return place ? *place : number;
}

// log(U) / alpha for alpha < 1, else 0; held above the least finite number.
template <class Grade, class T>
__device__ __forceinline__ T small_alpha_boost(T alpha, const Uniform<T>& u) {
  constexpr T least = sizeof(T) == 4 ? T(-3e38) : T(-1.7e308);
  if (!(alpha < T(1))) return T(0);
  const T boost = -negative_log<Grade>(u) / alpha;
  return boost < least ? least : boost;
}

// The attempt of a round in float; decided in double wherever float could err.
__device__ __forceinline__ bool attempt(float alpha, const PhiloxWords<uint64_t>& words,
                                        float& log_gamma) {
  const uint32_t w0 = uint32_t(words.w0), w1 = uint32_t(words.w1), w2 = uint32_t(words.w2);
  const GammaAttempt<float> quick = gamma_attempt<SingleGrade>(
      alpha < 1.f ? alpha + 1.f : alpha, uniform(w0), centred_uniform(w1), uniform(w2));
  log_gamma = quick.log_gamma;
  const bool doubtful = (quick.margin > -2e-4f && quick.margin < 2e-4f) ||
                        (quick.margin > 0.f && quick.root < .03125f);
  if (!doubtful) return quick.margin > 0.f;
  const Uniform<double> angle = wide_uniform(w1);
  const GammaAttempt<double> exact =
      gamma_attempt<DoubleGrade>(alpha < 1.f ? double(alpha) + 1. : double(alpha), wide_uniform(w0),
                                 angle.value - angle.complement, wide_uniform(w2));
  log_gamma = float(exact.log_gamma);
  return exact.margin > 0.;
}

__device__ __forceinline__ float log_gamma_draw(float alpha, uint64_t seed, uint64_t element) {
  if (!(alpha > 0.f && alpha <= 3.4028234663852886e38f)) return __builtin_nanf("");
  PhiloxWords<uint64_t> words = philox<uint64_t>(seed, element, 0, 0);
  const float boost = small_alpha_boost<SingleGrade>(alpha, uniform(uint32_t(words.w3)));
  float log_gamma;
  for (uint64_t round = 1; !attempt(alpha, words, log_gamma); ++round) {
    words = philox<uint64_t>(seed, element, round, 0);
  }
  return log_gamma + boost;
}

__device__ __forceinline__ double log_gamma_draw(double alpha, uint64_t seed, uint64_t element) {
  if (!(alpha > 0. && alpha <= 1.7976931348623157e308)) return __builtin_nan("");
  const double a = alpha < 1. ? alpha + 1. : alpha;
  double boost = 0;
  for (uint64_t round = 0;; ++round) {
    const PhiloxWords<uint64_t> high = philox<uint64_t>(seed, element, round, 0),
                                low = philox<uint64_t>(seed, element, round, 1);
    const auto bits = [](uint64_t h, uint64_t l) { return h << 32 | uint32_t(l); };
    if (round == 0) {
      boost = small_alpha_boost<DoubleGrade>(alpha, uniform(bits(high.w3, low.w3)));
    }
    const GammaAttempt<double> result = gamma_attempt<DoubleGrade>(
        a, uniform(bits(high.w0, low.w0)), centred_uniform(bits(high.w1, low.w1)),
        uniform(bits(high.w2, low.w2)));
    if (result.margin > 0.) return result.log_gamma + boost;
  }
}

}  // namespace cuda
}  // namespace ntm_fast
