#include "../kl_gamma.h"

#include "../math/gamma_divergence.h"
#include "rows.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

// The arguments of one element, as doubles; NaN where not positive, for which the CPU throws.
struct Element {
  double alpha, rate, prior_alpha, prior_rate;

  template <class Args>
  __device__ __forceinline__ Element(const Args& args, int64_t row, int64_t k)
      : alpha(at(args.alpha, row, k)),
        rate(at(args.rate, row, k)),
        prior_alpha(at(args.prior_alpha, row, k)),
        prior_rate(at(args.prior_rate, row, k)) {}

 private:
  template <class T>
  __device__ __forceinline__ static double at(const GammaRows<T>& rows, int64_t row, int64_t k) {
    const double x = double(rows.data[row * rows.stride + k]);
    return x > 0 ? x : __builtin_nan("");
  }
};

template <class T>
__global__ void __launch_bounds__(row_threads) divergence(const KlGamma<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    double sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const Element x(args, row, k);
      const double excess = excess_rate(x.rate, x.prior_rate);
      sum += lgamma_divergence(x.alpha, x.prior_alpha) +
             x.prior_alpha * rate_divergence(x.prior_rate / x.rate, excess) +
             (x.alpha - x.prior_alpha) * excess;
    }
    sum = warp_sum(sum);
    if (lane_index() == 0) args.kl[row] = T(sum);
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradients(const KlGammaBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const double grad = double(args.grad_kl[row]);
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t to = row * args.topics + k;
      const Element x(args, row, k);
      if (args.gradients[0]) {
        args.gradients[0][to] = T(grad * ((x.alpha - x.prior_alpha) * trigamma(x.alpha) +
                                          excess_rate(x.rate, x.prior_rate)));
      }
      if (args.gradients[1]) {
        const double ratio = x.prior_rate / x.rate;
        args.gradients[1][to] = T(grad * ((x.prior_alpha - x.alpha * ratio) / x.rate));
      }
      if (args.gradients[2]) {
        args.gradients[2][to] =
            T(grad * (digamma(x.prior_alpha) - digamma(x.alpha) - log(x.prior_rate / x.rate)));
      }
      if (args.gradients[3]) {
        args.gradients[3][to] = T(grad * (x.alpha / x.rate - x.prior_alpha / x.prior_rate));
      }
    }
  }
}

}  // namespace

template <class T>
int kl_gamma_cuda(const KlGamma<T>& args, int64_t rows, void* stream) {
  return launch(divergence<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int kl_gamma_backward_cuda(const KlGammaBackward<T>& args, int64_t rows, void* stream) {
  return launch(gradients<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                  \
  template int kl_gamma_cuda(const KlGamma<T>&, int64_t, void*); \
  template int kl_gamma_backward_cuda(const KlGammaBackward<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
