#include "../kl_normal.h"

#include "../math/normal_divergence.h"

NTM_FAST_ISA_BEGIN

template <class T>
void kl_normal(const KlNormal<T>& args, int64_t first_row, int64_t last_row) {
  // Fixed lanes: a sum that vectorises and has the same order whatever the vector width.
  constexpr int lanes = 16;
  for (int64_t row = first_row; row < last_row; ++row) {
    const T* mean = args.mean.data + row * args.mean.stride;
    const T* log_variance = args.log_variance.data + row * args.log_variance.stride;
    const T* prior_mean = args.prior_mean.data + row * args.prior_mean.stride;
    const T* prior_log_variance =
        args.prior_log_variance.data + row * args.prior_log_variance.stride;
    T sums[lanes] = {};
    auto term = [&](int64_t k) __attribute__((always_inline)) {
      const T difference = mean[k] - prior_mean[k];
      const T log_ratio = log_variance[k] - prior_log_variance[k];
      return exp_minus_tangent(log_ratio) + difference * difference * exp(-prior_log_variance[k]);
    };
    int64_t k = 0;
    for (; k + lanes <= args.topics; k += lanes) {
      NTM_FAST_SIMD for (int i = 0; i < lanes; ++i) sums[i] += term(k + i);
    }
    for (int i = 0; k < args.topics; ++k, ++i) sums[i] += term(k);
    double sum = 0;
    for (int i = 0; i < lanes; ++i) sum += double(sums[i]);
    args.kl[row] = T(.5 * sum);
  }
}

template <class T>
void kl_normal_backward(const KlNormalBackward<T>& args, int64_t first_row, int64_t last_row) {
  for (int64_t row = first_row; row < last_row; ++row) {
    const T* mean = args.mean.data + row * args.mean.stride;
    const T* log_variance = args.log_variance.data + row * args.log_variance.stride;
    const T* prior_mean = args.prior_mean.data + row * args.prior_mean.stride;
    const T* prior_log_variance =
        args.prior_log_variance.data + row * args.prior_log_variance.stride;
    const T grad = args.grad_kl[row];
    const auto of = [&](int which) { return args.gradients[which] + row * args.topics; };
    if (args.gradients[0]) {
      T* to = of(0);
      NTM_FAST_SIMD for (int64_t k = 0; k < args.topics; ++k) {
        to[k] = grad * (mean[k] - prior_mean[k]) * exp(-prior_log_variance[k]);
      }
    }
    if (args.gradients[1]) {
      T* to = of(1);
      NTM_FAST_SIMD for (int64_t k = 0; k < args.topics; ++k) {
        to[k] = T(.5) * grad * (exp(log_variance[k] - prior_log_variance[k]) - T(1));
      }
    }
    if (args.gradients[2]) {
      T* to = of(2);
      NTM_FAST_SIMD for (int64_t k = 0; k < args.topics; ++k) {
        to[k] = grad * (prior_mean[k] - mean[k]) * exp(-prior_log_variance[k]);
      }
    }
    if (args.gradients[3]) {
      T* to = of(3);
      NTM_FAST_SIMD for (int64_t k = 0; k < args.topics; ++k) {
        const T difference = mean[k] - prior_mean[k];
        const T ratio = exp(log_variance[k] - prior_log_variance[k]);
        to[k] =
            T(.5) * grad * (T(1) - ratio - difference * difference * exp(-prior_log_variance[k]));
      }
    }
  }
}

template void kl_normal(const KlNormal<float>&, int64_t, int64_t);
template void kl_normal(const KlNormal<double>&, int64_t, int64_t);
template void kl_normal_backward(const KlNormalBackward<float>&, int64_t, int64_t);
template void kl_normal_backward(const KlNormalBackward<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
