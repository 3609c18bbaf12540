#include "../kl_dirichlet.h"

#include "../math/gamma_divergence.h"
#include "rows.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

// NaN for parameters that are not positive, where the CPU throws.
__device__ __forceinline__ double positive(double x) { return x > 0 ? x : __builtin_nan(""); }

// Sums of a row of alpha and of its prior, in every lane.
template <class T>
struct RowTotals {
  double alpha = 0, prior = 0;

  __device__ __forceinline__ RowTotals(const T* alphas, const T* priors, int64_t topics) {
    for (int64_t k = lane_index(); k < topics; k += warp_size) {
      alpha += positive(double(alphas[k]));
      prior += positive(double(priors[k]));
    }
    alpha = warp_sum(alpha);
    prior = warp_sum(prior);
  }
};

template <class T>
__global__ void __launch_bounds__(row_threads) divergence(const KlDirichlet<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const T* alpha = args.alpha + row * args.topics;
    const T* prior = args.prior + row * args.prior_stride;
    const RowTotals<T> total(alpha, prior, args.topics);
    double sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      sum += lgamma_divergence(double(alpha[k]), double(prior[k]));
    }
    sum = warp_sum(sum);
    if (lane_index() == 0) args.kl[row] = T(sum - lgamma_divergence(total.alpha, total.prior));
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradients(const KlDirichletBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const T* alpha = args.alpha + row * args.topics;
    const T* prior = args.prior + row * args.prior_stride;
    const RowTotals<T> total(alpha, prior, args.topics);
    const double grad = double(args.grad_kl[row]);
    const double common = (total.alpha - total.prior) * trigamma(total.alpha);
    const double prior_common = args.grad_prior ? digamma(total.alpha) - digamma(total.prior) : 0.;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const double a = double(alpha[k]), b = double(prior[k]);
      if (args.grad_alpha) {
        args.grad_alpha[row * args.topics + k] = T(grad * ((a - b) * trigamma(a) - common));
      }
      if (args.grad_prior) {
        args.grad_prior[row * args.topics + k] = T(grad * (digamma(b) - digamma(a) + prior_common));
      }
    }
  }
}

}  // namespace

template <class T>
int kl_dirichlet_cuda(const KlDirichlet<T>& args, int64_t rows, void* stream) {
  return launch(divergence<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int kl_dirichlet_backward_cuda(const KlDirichletBackward<T>& args, int64_t rows, void* stream) {
  return launch(gradients<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                          \
  template int kl_dirichlet_cuda(const KlDirichlet<T>&, int64_t, void*); \
  template int kl_dirichlet_backward_cuda(const KlDirichletBackward<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
