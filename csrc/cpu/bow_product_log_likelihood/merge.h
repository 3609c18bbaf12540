#pragma once
// What is left to do for each document once its groups of words are done: a little, so that it is
// compiled once, for every processor, and not by instruction set.

#include <cmath>
#include <limits>

#include "bow_product_log_likelihood.h"

namespace ntm_fast {

// The norm of each document from its groups' maxima and totals.
template <class T>
void bow_product_merge(const BowProductForward<T>& args, DocumentNorm* norms) {
  const BowProductPlan& plan = args.in.plan;
  for (int64_t d = 0; d < args.in.documents; ++d) {
    T max = args.group_max[d];
    for (int64_t g = 1; g < plan.groups; ++g) {
      const T other = args.group_max[g * plan.row + d];
      max = other > max ? other : max;
    }
    double sum = 0;
    for (int64_t g = 0; g < plan.groups; ++g) {
      const int64_t i = g * plan.row + d;
      sum += double(args.group_sum[i]) * std::exp(double(args.group_max[i]) - double(max));
    }
    norms[d] = {double(max), std::log(sum)};
  }
}

// log_likelihood [documents], and what is kept of the norms unless kept is null: log sum exp of the
// logits and its rounding error, [2, documents].
template <class T>
void bow_product_terms(const BowProductForward<T>& args, const Csr<T>& batch,
                       const DocumentNorm* norms, T* log_likelihood, T* kept) {
  for (int64_t d = 0; d < batch.documents; ++d) {
    const auto [max, log_sum] = norms[d];
    double sum = 0;
    for (int64_t n = batch.indptr[d]; n < batch.indptr[d + 1]; ++n) {
      const double x = double(batch.counts[n]);
      if (x != 0) sum += x * ((double(args.nonzero_logits[n]) - max) - log_sum);
    }
    log_likelihood[d] = T(sum);
    if (!kept) continue;
    const T rounded = T(max + log_sum);
    const double rest = (max - double(rounded)) + log_sum;
    kept[d] = rounded;
    kept[batch.documents + d] = std::isfinite(rest) ? T(rest) : T(0);
  }
}

// Rows of the backward, padded: lse, grad and total (BowProductBackward) from the gradient
// [documents] and the norms that were kept.
template <class T>
void bow_product_rows(const Csr<T>& batch, const T* gradient, const T* kept, int64_t row, T* lse,
                      T* grad, T* total) {
  const int64_t documents = batch.documents;
  for (int64_t d = 0; d < row; ++d) {
    if (d >= documents) {
      lse[d] = std::numeric_limits<T>::infinity();  // exp(z - inf) = 0
      grad[d] = total[d] = T(0);
      continue;
    }
    double count = 0;
    for (int64_t n = batch.indptr[d]; n < batch.indptr[d + 1]; ++n) count += batch.counts[n];
    lse[d] = kept[d];
    grad[d] = gradient[d];
    // With the factor by which exp(z - lse) errs since lse was rounded: for all words the same, it
    // would be the largest error of all.
    total[d] = T(double(grad[d]) * count * std::exp(-double(kept[documents + d])));
  }
}

}  // namespace ntm_fast
