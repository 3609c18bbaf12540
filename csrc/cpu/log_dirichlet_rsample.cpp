#include "log_dirichlet_rsample.h"

#include "cpu/dirichlet_rows.h"
#include "cpu/gamma_gradient_block.h"
#include "cpu/gamma_sampler_block.h"

NTM_FAST_ISA_BEGIN

template <class T>
int64_t log_dirichlet_rsample(const LogDirichletRsample<T>& args, int64_t first_row,
                              int64_t last_row) {
  const int64_t topics = args.topics, start = first_row * topics, rows = last_row - first_row;
  const int64_t invalid = gamma_sample_block(args.alpha + start, args.log_gamma + start, args.seed,
                                             start, rows * topics);
  normalise_log_rows(
      args.log_gamma + start, args.log_theta + start, rows, topics, [&](int64_t row) {
        const int64_t first = start + row * topics;
        normalise_tiny_row(args.alpha + first, args.log_theta + first, topics, [&](int64_t k) {
          return log_uniform<T>(args.seed, uint64_t(first + k), 0, 3);
        });
      });
  return invalid < 0 ? -1 : start + invalid;
}

template <class T>
void log_dirichlet_rsample_backward(const LogDirichletRsampleBackward<T>& args, int64_t first_row,
                                    int64_t last_row) {
  const int64_t topics = args.topics, start = first_row * topics, rows = last_row - first_row;
  project_rows(args.grad_log_theta + start, args.log_theta + start, args.grad_alpha + start, rows,
               topics);
  gamma_gradient_block(args.alpha + start, args.log_gamma + start, args.grad_alpha + start,
                       args.grad_alpha + start, rows * topics);
}

#define NTM_FAST_INSTANTIATE(T)                                                                \
  template int64_t log_dirichlet_rsample(const LogDirichletRsample<T>&, int64_t, int64_t);     \
  template void log_dirichlet_rsample_backward(const LogDirichletRsampleBackward<T>&, int64_t, \
                                               int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
