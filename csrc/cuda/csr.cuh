#pragma once
// Reading a CudaCsr: entries out of range are skipped and noted (cuda_device.h).

#include "csr.h"
#include "cuda/rows.cuh"
#include "cuda_device.h"

namespace ntm_fast {
namespace cuda {

__device__ __forceinline__ uint64_t device_note(BadArgument argument, int64_t place,
                                                int64_t value) {
  const int64_t held = value < -note_value_limit      ? -note_value_limit
                       : value > note_value_limit - 1 ? note_value_limit - 1
                                                      : value;
  return uint64_t(argument) << 61 | (uint64_t(place) & 0x7fffffff) << 30 |
         (uint64_t(held) & 0x3fffffff);
}

__device__ __forceinline__ void leave_note(uint64_t* notes, BadArgument argument, int64_t place,
                                           int64_t value) {
  if (notes) *static_cast<volatile uint64_t*>(notes) = device_note(argument, place, value);
}

__device__ __forceinline__ int64_t integer_at(const void* values, bool wide, int64_t i) {
  return wide ? static_cast<const int64_t*>(values)[i] : static_cast<const int32_t*>(values)[i];
}

struct NonzeroRange {
  int64_t begin, end;
};

// Those of a document; empty if indptr is wrong there.
template <class T>
__device__ __forceinline__ NonzeroRange nonzeros_of(const CudaCsr<T>& batch, int64_t document) {
  const int64_t begin = integer_at(batch.indptr, batch.wide_indptr, document);
  const int64_t end = integer_at(batch.indptr, batch.wide_indptr, document + 1);
  const bool first_wrong = begin < 0 || (document == 0 && begin != 0);
  const bool last_wrong = end < begin || end > batch.nonzeros ||
                          (document + 1 == batch.documents && end != batch.nonzeros);
  if (first_wrong) leave_note(batch.notes, BadArgument::indptr, document, begin);
  else if (last_wrong) leave_note(batch.notes, BadArgument::indptr, document + 1, end);
  if (begin < 0 || end < begin || end > batch.nonzeros) return {0, 0};
  return {begin, end};
}

template <class T>
__device__ __forceinline__ bool is_count(T count) {
  return count >= T(0) && count < T(__builtin_inf());
}

// Word and count of a nonzero; count 0 and some word if either is bad.
template <class T>
struct Nonzero {
  int64_t word = 0;
  T count = T(0);

  Nonzero() = default;
  __device__ __forceinline__ Nonzero(const CudaCsr<T>& batch, int64_t n)
      : word(integer_at(batch.indices, batch.wide_indices, n)), count(batch.counts[n]) {
    if (word < 0 || word >= batch.words) {
      leave_note(batch.notes, BadArgument::indices, n, word);
      word = 0;
      count = T(0);
    } else if (!is_count(count)) {
      leave_note(batch.notes, BadArgument::counts, n, 0);
      count = T(0);
    }
  }
};

}  // namespace cuda
}  // namespace ntm_fast
