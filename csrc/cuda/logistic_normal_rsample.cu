#include "logistic_normal_rsample.h"

#include "cuda/gamma_draw.cuh"
#include "cuda/rows.cuh"
#include "math/exp_log.h"

namespace ntm_fast {

namespace {

using namespace cuda;

// The normal of one counter of Philox, from its words 0 and 1 or, the second, from 2 and 3.
__device__ __forceinline__ float normal(float, uint64_t seed, uint64_t counter, bool second) {
  const PhiloxWords<uint64_t> words = philox<uint64_t>(seed, counter, 0, 0);
  const uint32_t radius_word = uint32_t(second ? words.w2 : words.w0);
  const float angle = centred_uniform(uint32_t(second ? words.w3 : words.w1));
  const float radius = square_root(2.f * negative_log<SingleGrade>(uniform(radius_word)));
  return radius * (angle * SingleGrade::half_sine<float>(angle * angle));
}

__device__ __forceinline__ double normal(double, uint64_t seed, uint64_t counter, bool second) {
  const PhiloxWords<uint64_t> high = philox<uint64_t>(seed, counter, 0, 0),
                              low = philox<uint64_t>(seed, counter, 0, 1);
  const uint64_t radius_bits =
      second ? high.w2 << 32 | uint32_t(low.w2) : high.w0 << 32 | uint32_t(low.w0);
  const uint64_t angle_bits =
      second ? high.w3 << 32 | uint32_t(low.w3) : high.w1 << 32 | uint32_t(low.w1);
  const double angle = centred_uniform(angle_bits);
  const double radius = square_root(2. * negative_log<DoubleGrade>(uniform(radius_bits)));
  return radius * (angle * DoubleGrade::half_sine<double>(angle * angle));
}

// Each lane reads back what it wrote itself, so that rows may have any length.
template <class T>
__global__ void __launch_bounds__(row_threads)
    draw_rows(const LogisticNormalRsample<T> args, int64_t rows) {
  constexpr int half = warp_size / 2;
  const uint64_t seed = read_seed(args.seed_place, args.seed);
  const int64_t chunks = (args.topics + warp_size - 1) / warp_size;
  const int lane = lane_index();
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const T* const mean = args.mean + row * args.mean_stride;
    const T* const log_variance = args.log_variance + row * args.log_variance_stride;
    T* const theta = args.theta + row * args.topics;
    T most = -T(__builtin_inf());
    for (int64_t k = lane; k < args.topics; k += warp_size) {
      const int64_t counter = (row * chunks + k / warp_size) * half + lane % half;
      const T noise = normal(T(0), seed, uint64_t(counter), lane >= half);
      const T deviation = exp(T(.5) * log_variance[k]) * noise, value = mean[k] + deviation;
      theta[k] = value;
      args.half_deviation[row * args.topics + k] = T(.5) * deviation;
      most = value <= most ? most : value;  // NaN stays
    }
    most = warp_max(most);
    T sum = 0;
    for (int64_t k = lane; k < args.topics; k += warp_size) {
      const T share = exp(theta[k] - most);
      theta[k] = share;
      sum += share;
    }
    const T scale = T(1) / warp_sum(sum);
    for (int64_t k = lane; k < args.topics; k += warp_size) theta[k] *= scale;
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradient_rows(const LogisticNormalRsampleBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    T sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t i = row * args.topics + k;
      sum += args.grad_theta[i] * args.theta[i];
    }
    sum = warp_sum(sum);
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t i = row * args.topics + k;
      const T gradient = args.theta[i] * (args.grad_theta[i] - sum);
      args.grad_mean[i] = gradient;
      args.grad_log_variance[i] = gradient * args.half_deviation[i];
    }
  }
}

}  // namespace

template <class T>
int queue(const LogisticNormalRsample<T>& args, int64_t rows, void* stream) {
  return launch(draw_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int queue(const LogisticNormalRsampleBackward<T>& args, int64_t rows, void* stream) {
  return launch(gradient_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                        \
  template int queue(const LogisticNormalRsample<T>&, int64_t, void*); \
  template int queue(const LogisticNormalRsampleBackward<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
