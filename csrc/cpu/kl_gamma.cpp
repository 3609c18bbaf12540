#include "../kl_gamma.h"

#include "../math/gamma_divergence.h"
#include "double_rows.h"

NTM_FAST_ISA_BEGIN

namespace {

// A piece of each argument, as doubles.
struct Pieces {
  double alpha[piece], rate[piece], prior_alpha[piece], prior_rate[piece];

  template <class Args>
  NTM_FAST_INLINE void load(const Args& args, int64_t row, int64_t k) {
    const int64_t left = args.topics - k;
    load_piece(alpha, args.alpha.data + row * args.alpha.stride + k, left);
    load_piece(rate, args.rate.data + row * args.rate.stride + k, left);
    load_piece(prior_alpha, args.prior_alpha.data + row * args.prior_alpha.stride + k, left);
    load_piece(prior_rate, args.prior_rate.data + row * args.prior_rate.stride + k, left);
  }
};

}  // namespace

template <class T>
void kl_gamma(const KlGamma<T>& args, int64_t first_row, int64_t last_row) {
  Pieces p;
  for (int64_t row = first_row; row < last_row; ++row) {
    double sums[piece] = {};
    for (int64_t k = 0; k < args.topics; k += piece) {
      p.load(args, row, k);
      double excess[piece], of_rates[piece];  // in loops that are short enough to vectorise
      NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
        excess[i] = excess_rate(p.rate[i], p.prior_rate[i]);
      }
      NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
        of_rates[i] = p.prior_alpha[i] * rate_divergence(p.prior_rate[i] / p.rate[i], excess[i]) +
                      (p.alpha[i] - p.prior_alpha[i]) * excess[i];
      }
      NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
        sums[i] += lgamma_divergence(p.alpha[i], p.prior_alpha[i]) + of_rates[i];
      }
    }
    args.kl[row] = T(sum(sums));
  }
}

template <class T>
void kl_gamma_backward(const KlGammaBackward<T>& args, int64_t first_row, int64_t last_row) {
  Pieces p;
  double gradient[piece];
  for (int64_t row = first_row; row < last_row; ++row) {
    const double grad = double(args.grad_kl[row]);
    for (int64_t k = 0; k < args.topics; k += piece) {
      const int64_t left = args.topics - k, to = row * args.topics + k;
      p.load(args, row, k);
      if (args.gradients[0]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          gradient[i] = grad * ((p.alpha[i] - p.prior_alpha[i]) * trigamma(p.alpha[i]) +
                                excess_rate(p.rate[i], p.prior_rate[i]));
        }
        store_piece(args.gradients[0] + to, gradient, left);
      }
      if (args.gradients[1]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          const double ratio = p.prior_rate[i] / p.rate[i];
          gradient[i] = grad * ((p.prior_alpha[i] - p.alpha[i] * ratio) / p.rate[i]);
        }
        store_piece(args.gradients[1] + to, gradient, left);
      }
      if (args.gradients[2]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          gradient[i] = grad * (digamma(p.prior_alpha[i]) - digamma(p.alpha[i]) -
                                log(p.prior_rate[i] / p.rate[i]));
        }
        store_piece(args.gradients[2] + to, gradient, left);
      }
      if (args.gradients[3]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          gradient[i] = grad * (p.alpha[i] / p.rate[i] - p.prior_alpha[i] / p.prior_rate[i]);
        }
        store_piece(args.gradients[3] + to, gradient, left);
      }
    }
  }
}

template void kl_gamma(const KlGamma<float>&, int64_t, int64_t);
template void kl_gamma(const KlGamma<double>&, int64_t, int64_t);
template void kl_gamma_backward(const KlGammaBackward<float>&, int64_t, int64_t);
template void kl_gamma_backward(const KlGammaBackward<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
