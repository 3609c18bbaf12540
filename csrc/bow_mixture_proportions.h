#pragma once
#include "cpu_level.h"
#include "csr.h"

namespace ntm_fast {

// beta holds the topics' probabilities of each word; its rows may be divided by what one likes.
// Batch is Csr<T> on the CPU; on a CUDA device it is CudaCsr<T>, and a prior that is not positive
// and finite is NaN.
template <class T, class Batch = Csr<T>>
struct MixtureProportions {
  Batch batch;
  const T* beta;                // [V, K]
  const double *theta, *prior;  // [B, K], [K]
  double* proportions;          // [B, K]
  int64_t topics, steps;
};

// Bytes of the rows of a document that are copied, so that all steps read them one after the other:
// longer documents read them where they are.
constexpr int64_t mixture_proportions_copies = 4 << 20;

// scratch [4 * row_stride] for rows of K elements padded to row_stride, then the bytes of copies
// and a line of the cache
NTM_FAST_CPU_DECLARE(template <class T>
                     void mixture_proportions(const MixtureProportions<T>&, int64_t row_stride,
                                              int64_t first_document, int64_t last_document,
                                              double* scratch))

template <class T>
using CudaMixtureProportions = MixtureProportions<T, CudaCsr<T>>;

// Warps of a block whose sums fit into shared memory, beside gamma, log w and w of a document.
constexpr int64_t mixture_proportions_warps(int64_t topics) {
  return (int64_t{96} << 10) / (topics * int64_t(sizeof(double))) - 3;
}

template <class T>
int mixture_proportions_cuda(const CudaMixtureProportions<T>&, void* stream);

}  // namespace ntm_fast
