// The formulas are those of cpu/kl_weibull_gamma.cpp.

#include "../kl_weibull_gamma.h"

#include "../math/special.h"
#include "rows.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr double euler = .57721566490153286061;

// The arguments of one element, as doubles; NaN where not positive, for which the CPU throws.
struct Element {
  double shape, scale, prior_alpha, prior_rate, log_scale, mean;

  template <class Args>
  __device__ __forceinline__ Element(const Args& args, int64_t row, int64_t k)
      : shape(at(args.shape, row, k)),
        scale(at(args.scale, row, k)),
        prior_alpha(at(args.prior_alpha, row, k)),
        prior_rate(at(args.prior_rate, row, k)),
        log_scale(log(scale) + log(prior_rate)),
        mean(exp(log_scale + lgamma(1. + 1. / shape))) {}

 private:
  template <class T>
  __device__ __forceinline__ static double at(const GammaRows<T>& rows, int64_t row, int64_t k) {
    const double x = double(rows.data[row * rows.stride + k]);
    return x > 0 ? x : __builtin_nan("");
  }
};

template <class T>
__global__ void __launch_bounds__(row_threads)
    divergence(const KlWeibullGamma<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    double sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const Element x(args, row, k);
      sum += x.prior_alpha * (euler / x.shape - x.log_scale) + log(x.shape) +
             lgamma(x.prior_alpha) + (x.mean - (euler + 1.));
    }
    sum = warp_sum(sum);
    if (lane_index() == 0) args.kl[row] = T(sum);
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradients(const KlWeibullGammaBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const double grad = double(args.grad_kl[row]);
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t to = row * args.topics + k;
      const Element x(args, row, k);
      const double excess = x.mean - x.prior_alpha;
      if (args.gradients[0]) {
        const double inverse = 1. / x.shape;
        const double slope = x.prior_alpha * euler + x.mean * digamma(1. + inverse);
        args.gradients[0][to] = T(grad * (inverse - slope * inverse * inverse));
      }
      if (args.gradients[1]) args.gradients[1][to] = T(grad * (excess / x.scale));
      if (args.gradients[2]) {
        const double expected = euler / x.shape - x.log_scale;
        args.gradients[2][to] = T(grad * (expected + digamma(x.prior_alpha)));
      }
      if (args.gradients[3]) args.gradients[3][to] = T(grad * (excess / x.prior_rate));
    }
  }
}

}  // namespace

template <class T>
int kl_weibull_gamma_cuda(const KlWeibullGamma<T>& args, int64_t rows, void* stream) {
  return launch(divergence<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int kl_weibull_gamma_backward_cuda(const KlWeibullGammaBackward<T>& args, int64_t rows,
                                   void* stream) {
  return launch(gradients<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                                 \
  template int kl_weibull_gamma_cuda(const KlWeibullGamma<T>&, int64_t, void*); \
  template int kl_weibull_gamma_backward_cuda(const KlWeibullGammaBackward<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
