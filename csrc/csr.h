#pragma once
// A batch of bags of words as the kernels see it, and its nonzeros in the order of their words: raw
// pointers, on the CPU with canonical types and checked, on a CUDA device as they are given.

#include <stdint.h>

namespace ntm_fast {

// Document d holds the nonzeros indptr[d] .. indptr[d + 1]; repeated and unsorted indices occur.
template <class T>
struct Csr {
  const int64_t* indptr;   // [documents + 1], from 0 to nonzeros, non-decreasing
  const int32_t* indices;  // [nonzeros], each in [0, words)
  const T* counts;         // [nonzeros], finite and >= 0
  int64_t documents, words, nonzeros;
};

// The same nonzeros ordered by word and, within a word, as they stand in the batch. Only words that
// occur are listed: word distinct[i] has the places starts[i] .. starts[i + 1].
template <class T>
struct WordOrder {
  const int32_t* distinct;   // [n_distinct], increasing
  const int64_t* starts;     // [n_distinct + 1]
  const int32_t* words;      // [nonzeros], word of each place
  const int32_t* documents;  // [nonzeros], document of each place
  const int32_t* positions;  // [nonzeros], where the place stands in the batch
  const T* counts;           // [nonzeros]
  int64_t n_distinct, nonzeros;
};

// A batch of bags of words on a CUDA device, with values that nobody has checked (cuda/csr.cuh
// does).
template <class T>
struct CudaCsr {
  const void *indptr, *indices;  // [documents + 1], [nonzeros]; int64 where wide, else int32
  const T* counts;               // [nonzeros]
  int64_t documents, words, nonzeros;
  bool wide_indptr, wide_indices;
  uint64_t* notes;  // cuda_device.h; null to say nothing
};

// Its nonzeros in the order of their words, and within a word as they stand in the batch. Words out
// of range are among them.
struct CudaWordOrder {
  const int32_t* words;      // [nonzeros], increasing
  const int32_t* positions;  // [nonzeros], where each stands in the batch
  const int32_t* documents;  // [nonzeros], the document of each position (not place); below 0: none
  int64_t nonzeros;
};

// Fills words, positions and documents [nonzeros each] of an order that is given by the positions
// alone and that nobody has checked: a position out of range becomes 0.
template <class T>
int word_order_cuda(const CudaCsr<T>&, const int64_t* order, int32_t* words, int32_t* positions,
                    int32_t* documents, void* stream);

constexpr int64_t places_per_chunk = 64;

// sums[v] = sum over the nonzeros of word v of coefficient * rows[document], [words, width], in the
// order of the batch; zeros where there are none. On a CUDA device.
template <class T>
struct WordSums {
  CudaWordOrder order;
  const T* coefficients;  // [nonzeros], as they stand in the batch
  bool are_counts;        // take coefficients that are negative or not finite for 0
  const T* rows;          // [documents, width]
  T *sums, *partials;     // partials [ceil(nonzeros / places_per_chunk), 2, width]
  int64_t words, width;
};

template <class T>
int word_sums_cuda(const WordSums<T>&, void* stream);

}  // namespace ntm_fast
