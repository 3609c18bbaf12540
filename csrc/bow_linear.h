#pragma once
#include "cpu_level.h"
#include "csr_view.h"

namespace ntm_fast {

// output[d] = sum over the nonzeros of d of count * weight[index]; weight [V, H], output [B, H].
template <class T>
struct BowLinear {
  Csr<T> batch;
  const T* weight;
  T* output;
  int64_t features;
};

// grad_weight[v] = sum over the places of v of count * grad_output[document], [V, H].
template <class T>
struct BowLinearWeight {
  WordOrder<T> batch;
  const T* grad_output;  // [B, H]
  T* grad_weight;
  int64_t features;
};

// The same for the words that occur alone: grad_weight[i] is of batch.distinct[i], [n_distinct, H].
NTM_FAST_CPU_DECLARE(template <class T> void bow_linear_rows(const BowLinearWeight<T>&,
                                                             int64_t first_distinct,
                                                             int64_t last_distinct))

// grad_counts[n] = grad_output[document of n] . weight[index of n], [N].
template <class T>
struct BowLinearCounts {
  Csr<T> batch;
  const T *weight, *grad_output;
  T* grad_counts;
  int64_t features;
};

NTM_FAST_CPU_DECLARE(template <class T> void bow_linear(const BowLinear<T>&, int64_t first_document,
                                                        int64_t last_document))
NTM_FAST_CPU_DECLARE(template <class T> void bow_linear_weight(const BowLinearWeight<T>&,
                                                               int64_t first_word,
                                                               int64_t last_word))
NTM_FAST_CPU_DECLARE(template <class T> void bow_linear_counts(const BowLinearCounts<T>&,
                                                               int64_t first_document,
                                                               int64_t last_document))

}  // namespace ntm_fast
