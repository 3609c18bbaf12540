#include "../log_dirichlet_rsample.h"

#include "../math/gamma_gradient.h"
#include "gamma_draw.cuh"
#include "rows.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

// Each lane reads back what it wrote itself, so that rows may have any length.
template <class T>
__global__ void __launch_bounds__(row_threads)
    draw_rows(const LogDirichletRsample<T> args, int64_t rows) {
  const uint64_t seed = read_seed(args.seed_place, args.seed);
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    T most = -T(__builtin_inf());
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t i = row * args.topics + k;
      const T l = log_gamma_draw(args.alpha[i], seed, uint64_t(i));
      args.log_gamma[i] = l;
      most = l <= most ? most : l;  // NaN stays
    }
    most = warp_max(most);
    T sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      sum += exp(args.log_gamma[row * args.topics + k] - most);
    }
    const T log_sum = log(warp_sum(sum));
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t i = row * args.topics + k;
      // In this order, so that the digits of a large maximum cancel before log(sum) is added.
      args.log_theta[i] = (args.log_gamma[i] - most) - log_sum;
    }
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradient_rows(const LogDirichletRsampleBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    T sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      sum += args.grad_log_theta[row * args.topics + k];
    }
    sum = warp_sum(sum);
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const int64_t i = row * args.topics + k;
      const T grad_log_gamma = args.grad_log_theta[i] - exp(args.log_theta[i]) * sum;
      args.grad_alpha[i] =
          grad_log_gamma * gamma_implicit_gradient(args.alpha[i], args.log_gamma[i]);
    }
  }
}

}  // namespace

template <class T>
int log_dirichlet_rsample_cuda(const LogDirichletRsample<T>& args, int64_t rows, void* stream) {
  return launch(draw_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int log_dirichlet_rsample_backward_cuda(const LogDirichletRsampleBackward<T>& args, int64_t rows,
                                        void* stream) {
  return launch(gradient_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                                                    \
  template int log_dirichlet_rsample_cuda(const LogDirichletRsample<T>&, int64_t, void*);          \
  template int log_dirichlet_rsample_backward_cuda(const LogDirichletRsampleBackward<T>&, int64_t, \
                                                   void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
