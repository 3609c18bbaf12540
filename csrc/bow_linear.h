#pragma once
#include "cpu_level.h"
#include "csr.h"

namespace ntm_fast {

// Batch is Csr<T> on the CPU, CudaCsr<T> on a CUDA device.

// output[d] = sum over the nonzeros of d of count * weight[index]; weight [V, H], output [B, H].
template <class T, class Batch = Csr<T>>
struct BowLinear {
  Batch batch;
  const T* weight;
  T* output;
  int64_t features;
};

// grad_counts[n] = grad_output[document of n] . weight[index of n], [N].
template <class T, class Batch = Csr<T>>
struct BowLinearCounts {
  Batch batch;
  const T *weight, *grad_output;
  T* grad_counts;
  int64_t features;
};

// grad_weight[v] = sum over the places of v of count * grad_output[document], [V, H]; on a CUDA
// device it is a WordSums.
template <class T>
struct BowLinearWeight {
  WordOrder<T> batch;
  const T* grad_output;  // [B, H]
  T* grad_weight;
  int64_t features;
};

NTM_FAST_CPU_DECLARE(template <class T> void bow_linear(const BowLinear<T>&, int64_t first_document,
                                                        int64_t last_document))
NTM_FAST_CPU_DECLARE(template <class T> void bow_linear_counts(const BowLinearCounts<T>&,
                                                               int64_t first_document,
                                                               int64_t last_document))
NTM_FAST_CPU_DECLARE(template <class T> void bow_linear_weight(const BowLinearWeight<T>&,
                                                               int64_t first_word,
                                                               int64_t last_word))
// The same for the words that occur alone: grad_weight[i] is of batch.distinct[i], [n_distinct, H].
NTM_FAST_CPU_DECLARE(template <class T> void bow_linear_rows(const BowLinearWeight<T>&,
                                                             int64_t first_distinct,
                                                             int64_t last_distinct))

template <class T>
using CudaBowLinear = BowLinear<T, CudaCsr<T>>;
template <class T>
using CudaBowLinearCounts = BowLinearCounts<T, CudaCsr<T>>;

// Queue the kernels on a CUDA stream; return a cudaError_t.
template <class T>
int bow_linear_cuda(const CudaBowLinear<T>&, void* stream);
template <class T>
int bow_linear_counts_cuda(const CudaBowLinearCounts<T>&, void* stream);

}  // namespace ntm_fast
