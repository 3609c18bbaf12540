#pragma once
// A batch of bags of words as the kernels see it: raw pointers, canonical types, checked.

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

}  // namespace ntm_fast
