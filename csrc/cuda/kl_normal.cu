#include "../kl_normal.h"

#include "../math/normal_divergence.h"
#include "rows.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

// The arguments of one element.
template <class T>
struct Element {
  T mean, log_variance, prior_mean, prior_log_variance;

  template <class Args>
  __device__ __forceinline__ Element(const Args& args, int64_t row, int64_t k)
      : mean(args.mean.data[row * args.mean.stride + k]),
        log_variance(args.log_variance.data[row * args.log_variance.stride + k]),
        prior_mean(args.prior_mean.data[row * args.prior_mean.stride + k]),
        prior_log_variance(args.prior_log_variance.data[row * args.prior_log_variance.stride + k]) {
  }
};

template <class T>
__global__ void __launch_bounds__(row_threads) divergence(const KlNormal<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    T sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const Element<T> x(args, row, k);
      const T difference = x.mean - x.prior_mean;
      sum += exp_minus_tangent(x.log_variance - x.prior_log_variance) +
             difference * difference * exp(-x.prior_log_variance);
    }
    sum = warp_sum(sum);
    if (lane_index() == 0) args.kl[row] = T(.5) * sum;
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradients(const KlNormalBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const T grad = args.grad_kl[row];
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t to = row * args.topics + k;
      const Element<T> x(args, row, k);
      const T difference = x.mean - x.prior_mean, inverse_prior = exp(-x.prior_log_variance);
      const T ratio = exp(x.log_variance - x.prior_log_variance);
      if (args.gradients[0]) args.gradients[0][to] = grad * difference * inverse_prior;
      if (args.gradients[1]) args.gradients[1][to] = T(.5) * grad * (ratio - T(1));
      if (args.gradients[2]) args.gradients[2][to] = -(grad * difference * inverse_prior);
      if (args.gradients[3]) {
        args.gradients[3][to] =
            T(.5) * grad * (T(1) - ratio - difference * difference * inverse_prior);
      }
    }
  }
}

}  // namespace

template <class T>
int kl_normal_cuda(const KlNormal<T>& args, int64_t rows, void* stream) {
  return launch(divergence<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int kl_normal_backward_cuda(const KlNormalBackward<T>& args, int64_t rows, void* stream) {
  return launch(gradients<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                    \
  template int kl_normal_cuda(const KlNormal<T>&, int64_t, void*); \
  template int kl_normal_backward_cuda(const KlNormalBackward<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
