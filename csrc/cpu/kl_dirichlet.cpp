#include "../kl_dirichlet.h"

#include "../math/gamma_divergence.h"
#include "double_rows.h"

NTM_FAST_ISA_BEGIN

// Rows are taken by the piece, so that what each row needs once vectorises over the rows.
template <class T>
void kl_dirichlet(const KlDirichlet<T>& args, int64_t first_row, int64_t last_row) {
  double alpha[piece], prior[piece], kl[piece], total[piece], prior_total[piece];
  for (int64_t first = first_row; first < last_row; first += piece) {
    const int64_t rows = last_row - first < piece ? last_row - first : piece;
    for (int i = 0; i < piece; ++i) total[i] = prior_total[i] = 1;
    for (int r = 0; r < rows; ++r) {
      const T* from = args.alpha + (first + r) * args.topics;
      const T* prior_from = args.prior + (first + r) * args.prior_stride;
      double sums[piece] = {};
      for (int64_t k = 0; k < args.topics; k += piece) {
        load_piece(alpha, from + k, args.topics - k);
        load_piece(prior, prior_from + k, args.topics - k);
        NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
          sums[i] += lgamma_divergence(alpha[i], prior[i]);
        }
      }
      kl[r] = sum(sums);
      total[r] = sum(from, args.topics);
      prior_total[r] = sum(prior_from, args.topics);
    }
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
      total[i] = lgamma_divergence(total[i], prior_total[i]);
    }
    for (int r = 0; r < rows; ++r) args.kl[first + r] = T(kl[r] - total[r]);
  }
}

template <class T>
void kl_dirichlet_backward(const KlDirichletBackward<T>& args, int64_t first_row,
                           int64_t last_row) {
  double alpha[piece], prior[piece], total[piece], prior_total[piece], common[piece],
      prior_common[piece];
  for (int64_t first = first_row; first < last_row; first += piece) {
    const int64_t rows = last_row - first < piece ? last_row - first : piece;
    for (int i = 0; i < piece; ++i) total[i] = prior_total[i] = 1;
    for (int r = 0; r < rows; ++r) {
      total[r] = sum(args.alpha + (first + r) * args.topics, args.topics);
      prior_total[r] = sum(args.prior + (first + r) * args.prior_stride, args.topics);
    }
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
      common[i] = (total[i] - prior_total[i]) * trigamma(total[i]);
    }
    if (args.grad_prior) {
      NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
        prior_common[i] = digamma(total[i]) - digamma(prior_total[i]);
      }
    }
    for (int r = 0; r < rows; ++r) {
      const T* from = args.alpha + (first + r) * args.topics;
      const T* prior_from = args.prior + (first + r) * args.prior_stride;
      const double grad = double(args.grad_kl[first + r]), shared = common[r];
      for (int64_t k = 0; k < args.topics; k += piece) {
        const int64_t left = args.topics - k, to = (first + r) * args.topics + k;
        load_piece(alpha, from + k, left);
        load_piece(prior, prior_from + k, left);
        double gradient[piece];
        if (args.grad_alpha) {
          NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
            gradient[i] = grad * ((alpha[i] - prior[i]) * trigamma(alpha[i]) - shared);
          }
          store_piece(args.grad_alpha + to, gradient, left);
        }
        if (args.grad_prior) {
          const double prior_shared = prior_common[r];
          NTM_FAST_SIMD for (int i = 0; i < piece; ++i) {
            gradient[i] = grad * (digamma(prior[i]) - digamma(alpha[i]) + prior_shared);
          }
          store_piece(args.grad_prior + to, gradient, left);
        }
      }
    }
  }
}

template void kl_dirichlet(const KlDirichlet<float>&, int64_t, int64_t);
template void kl_dirichlet(const KlDirichlet<double>&, int64_t, int64_t);
template void kl_dirichlet_backward(const KlDirichletBackward<float>&, int64_t, int64_t);
template void kl_dirichlet_backward(const KlDirichletBackward<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
