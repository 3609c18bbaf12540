#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// to[i] = from[i] * scale, or 0 where the mask's word of element i is below the threshold.
//
// Element i takes word (i / 16) % 4 of Philox with key ``seed`` and counter
// (i / 64 * 16 + i % 16, stream, 2): whole vectors of words are neighbours, on any instruction set.
template <class T>
struct Dropout {
  const T* from;
  T* to;
  uint32_t threshold;  // p 2^32
  T scale;             // 1 / (1 - p)
  uint64_t seed;
  const uint64_t* seed_place;  // on a CUDA device where the seed is there, else null
  uint64_t stream;
};

constexpr int64_t dropout_chunk = 64;  // elements whose words come together

// Elements [first, last), where first is a multiple of dropout_chunk.
NTM_FAST_CPU_DECLARE(template <class T>
                     void dropout(const Dropout<T>&, int64_t first, int64_t last))

// n elements, queued on a CUDA stream; returns a cudaError_t.
template <class T>
int queue(const Dropout<T>&, int64_t n, void* stream);

}  // namespace ntm_fast
