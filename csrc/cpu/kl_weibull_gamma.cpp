// With y = 1 + 1/k and the prior mean's ratio e = b E[x] = exp(log λ + log b + log Γ(y)):
//   KL   = a (γ/k - log λ - log b) + log Γ(a) + log k + e - γ - 1
//   ∂k   = (k - a γ - e ψ(y)) / k²      ∂λ = (e - a) / λ
//   ∂a   = γ/k - log λ - log b + ψ(a)   ∂b = (e - a) / b
// in double precision; the loops over a piece are short enough to vectorise.

#include "../kl_weibull_gamma.h"

#include "../math/special.h"
#include "double_rows.h"

NTM_FAST_ISA_BEGIN

namespace {

constexpr double euler = .57721566490153286061;

// A piece of each argument, as doubles, and what both passes need of it.
struct WeibullPieces {
  double shape[piece], scale[piece], prior_alpha[piece], prior_rate[piece];
  double log_scale[piece];  // log λ + log b
  double mean[piece];       // e

  template <class Args>
  NTM_FAST_INLINE void load(const Args& args, int64_t row, int64_t k) {
    const int64_t left = args.topics - k;
    load_piece(shape, args.shape.data + row * args.shape.stride + k, left);
    load_piece(scale, args.scale.data + row * args.scale.stride + k, left);
    load_piece(prior_alpha, args.prior_alpha.data + row * args.prior_alpha.stride + k, left);
    load_piece(prior_rate, args.prior_rate.data + row * args.prior_rate.stride + k, left);
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
      log_scale[i] = log(scale[i]) + log(prior_rate[i]);
    }
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) mean[i] = lgamma(1. + 1. / shape[i]);
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) mean[i] = exp(log_scale[i] + mean[i]);
  }
};

}  // namespace

template <class T>
void kl_weibull_gamma(const KlWeibullGamma<T>& args, int64_t first_row, int64_t last_row) {
  WeibullPieces p;
  for (int64_t row = first_row; row < last_row; ++row) {
    double sums[piece] = {};
    for (int64_t k = 0; k < args.topics; k += piece) {
      p.load(args, row, k);
      double term[piece];
      NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
        term[i] = p.prior_alpha[i] * (euler / p.shape[i] - p.log_scale[i]) + log(p.shape[i]);
      }
      NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
        term[i] += lgamma(p.prior_alpha[i]) + (p.mean[i] - (euler + 1.));
      }
      if (args.topics - k >= piece) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) sums[i] += term[i];
      } else {  // a piece of ones is not at 0 here
        for (int i = 0; i < args.topics - k; ++i) sums[i] += term[i];
      }
    }
    args.kl[row] = T(sum(sums));
  }
}

template <class T>
void kl_weibull_gamma_backward(const KlWeibullGammaBackward<T>& args, int64_t first_row,
                               int64_t last_row) {
  WeibullPieces p;
  double gradient[piece];
  for (int64_t row = first_row; row < last_row; ++row) {
    const double grad = double(args.grad_kl[row]);
    for (int64_t k = 0; k < args.topics; k += piece) {
      const int64_t left = args.topics - k, to = row * args.topics + k;
      p.load(args, row, k);
      if (args.gradients[0]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          const double inverse = 1. / p.shape[i];
          const double slope = p.prior_alpha[i] * euler + p.mean[i] * digamma(1. + inverse);
          gradient[i] = grad * (inverse - slope * inverse * inverse);
        }
        store_piece(args.gradients[0] + to, gradient, left);
      }
      if (args.gradients[1]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          gradient[i] = grad * ((p.mean[i] - p.prior_alpha[i]) / p.scale[i]);
        }
        store_piece(args.gradients[1] + to, gradient, left);
      }
      if (args.gradients[2]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          const double expected = euler / p.shape[i] - p.log_scale[i];
          gradient[i] = grad * (expected + digamma(p.prior_alpha[i]));
        }
        store_piece(args.gradients[2] + to, gradient, left);
      }
      if (args.gradients[3]) {
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          gradient[i] = grad * ((p.mean[i] - p.prior_alpha[i]) / p.prior_rate[i]);
        }
        store_piece(args.gradients[3] + to, gradient, left);
      }
    }
  }
}

template void kl_weibull_gamma(const KlWeibullGamma<float>&, int64_t, int64_t);
template void kl_weibull_gamma(const KlWeibullGamma<double>&, int64_t, int64_t);
template void kl_weibull_gamma_backward(const KlWeibullGammaBackward<float>&, int64_t, int64_t);
template void kl_weibull_gamma_backward(const KlWeibullGammaBackward<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
