#include "log_dirichlet_rsvi.h"

#include "cuda/dirichlet_rows.cuh"
#include "cuda/gamma_draw.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

// -log of the four uniforms of one round of an element.
__device__ __forceinline__ void negative_logs(float (&to)[4], uint64_t seed, uint64_t element,
                                              uint64_t round) {
  const PhiloxWords<uint64_t> words = philox<uint64_t>(seed, element, round, 0);
  to[0] = negative_log<SingleGrade>(uniform(uint32_t(words.w0)));
  to[1] = negative_log<SingleGrade>(uniform(uint32_t(words.w1)));
  to[2] = negative_log<SingleGrade>(uniform(uint32_t(words.w2)));
  to[3] = negative_log<SingleGrade>(uniform(uint32_t(words.w3)));
}

__device__ __forceinline__ void negative_logs(double (&to)[4], uint64_t seed, uint64_t element,
                                              uint64_t round) {
  const PhiloxWords<uint64_t> high = philox<uint64_t>(seed, element, round, 0),
                              low = philox<uint64_t>(seed, element, round, 1);
  to[0] = negative_log<DoubleGrade>(uniform(high.w0 << 32 | uint32_t(low.w0)));
  to[1] = negative_log<DoubleGrade>(uniform(high.w1 << 32 | uint32_t(low.w1)));
  to[2] = negative_log<DoubleGrade>(uniform(high.w2 << 32 | uint32_t(low.w2)));
  to[3] = negative_log<DoubleGrade>(uniform(high.w3 << 32 | uint32_t(low.w3)));
}

template <class T>
struct Draw {
  T log_gamma, slope;
};

template <class T>
__device__ __forceinline__ Draw<T> boosted_draw(T alpha, int64_t boost, uint64_t seed,
                                                uint64_t element) {
  constexpr T least = sizeof(T) == 4 ? T(-3e38) : T(-1.7e308);
  constexpr T most = sizeof(T) == 4 ? T(3.4028234663852886e38) : T(1.7976931348623157e308);
  const T nan = sizeof(T) == 4 ? T(__builtin_nanf("")) : T(__builtin_nan(""));
  if (!(alpha > T(0) && alpha <= most)) return {nan, nan};
  const T log_gamma = log_gamma_draw(alpha + T(boost), seed, element);
  T term = 0, square = 0, logs[4];
  for (int64_t step = 0; step < boost; step += 4) {
    negative_logs(logs, seed, element, first_boost_round + uint64_t(step / 4));
#pragma unroll
    for (int word = 0; word < 4; ++word) {
      if (step + word >= boost) break;
      const T inverse = T(1) / (alpha + T(step + word));
      const T part = logs[word] * inverse;
      term += part;
      square += part * inverse;
    }
  }
  const T d = alpha + (T(boost) - T(1) / T(3));
  const T root = exp((log(d) - log_gamma) * (T(1) / T(3)));
  const T boosted = log_gamma - term;
  return {boosted < least ? least : boosted, (T(1.5) * root - T(.5)) / d + square};
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    draw_rows(const LogDirichletRsvi<T> args, int64_t rows) {
  const uint64_t seed = read_seed(args.seed_place, args.seed);
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const int64_t start = row * args.topics;
    T most = -T(__builtin_inf());
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const Draw<T> draw =
          boosted_draw(args.alpha[start + k], args.boost, seed, uint64_t(start + k));
      args.log_theta[start + k] = draw.log_gamma;
      args.slope[start + k] = draw.slope;
      most = draw.log_gamma <= most ? most : draw.log_gamma;  // NaN stays
    }
    if (normalise_log_row(args.log_theta + start, args.log_theta + start, args.topics, most)) {
      // The first uniform outweighs the others.
      normalise_tiny_row(args.alpha + start, args.log_theta + start, args.topics, [&](int64_t k) {
        return log_uniform<T>(seed, uint64_t(start + k), first_boost_round, 0);
      });
    }
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradient_rows(const LogDirichletRsviBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const int64_t start = row * args.topics;
    project_row(args.grad_log_theta + start, args.log_theta + start, args.topics,
                [&](int64_t k, T grad) {
                  // A topic without a share has no gradient, even if its slope overflowed.
                  args.grad_alpha[start + k] = grad == T(0) ? T(0) : args.slope[start + k] * grad;
                });
  }
}

}  // namespace

template <class T>
int queue(const LogDirichletRsvi<T>& args, int64_t rows, void* stream) {
  return launch(draw_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int queue(const LogDirichletRsviBackward<T>& args, int64_t rows, void* stream) {
  return launch(gradient_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                   \
  template int queue(const LogDirichletRsvi<T>&, int64_t, void*); \
  template int queue(const LogDirichletRsviBackward<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
