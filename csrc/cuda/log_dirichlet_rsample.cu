#include "log_dirichlet_rsample.h"

#include "cuda/dirichlet_rows.cuh"
#include "cuda/gamma_draw.cuh"
#include "math/gamma_gradient.h"

namespace ntm_fast {

namespace {

using namespace cuda;

template <class T>
__global__ void __launch_bounds__(row_threads)
    draw_rows(const LogDirichletRsample<T> args, int64_t rows) {
  const uint64_t seed = read_seed(args.seed_place, args.seed);
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const int64_t start = row * args.topics;
    T most = -T(__builtin_inf());
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const T l = log_gamma_draw(args.alpha[start + k], seed, uint64_t(start + k));
      args.log_gamma[start + k] = l;
      most = l <= most ? most : l;  // NaN stays
    }
    if (normalise_log_row(args.log_gamma + start, args.log_theta + start, args.topics, most)) {
      normalise_tiny_row(args.alpha + start, args.log_theta + start, args.topics, [&](int64_t k) {
        return log_uniform<T>(seed, uint64_t(start + k), 0, 3);
      });
    }
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    gradient_rows(const LogDirichletRsampleBackward<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    const int64_t start = row * args.topics;
    project_row(
        args.grad_log_theta + start, args.log_theta + start, args.topics, [&](int64_t k, T grad) {
          const int64_t i = start + k;
          const T slope = gamma_implicit_gradient(args.alpha[i], args.log_gamma[i]);
          args.grad_alpha[i] = grad == T(0) ? T(0) : grad * slope;  // it may have overflowed
        });
  }
}

}  // namespace

template <class T>
int queue(const LogDirichletRsample<T>& args, int64_t rows, void* stream) {
  return launch(draw_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int queue(const LogDirichletRsampleBackward<T>& args, int64_t rows, void* stream) {
  return launch(gradient_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE(T)                                      \
  template int queue(const LogDirichletRsample<T>&, int64_t, void*); \
  template int queue(const LogDirichletRsampleBackward<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
