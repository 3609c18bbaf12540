#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

// to[i] = from[i] / (1 - p), or 0 where the mask's word of element i is below p 2^32.
//
// Element i takes word (i / 16) % 4 of Philox with key ``seed`` and counter
// (i / 64 * 16 + i % 16, stream, 2): whole vectors of words are neighbours, on any instruction set.
template <class T>
struct Dropout {
  const T* from;
  T* to;
  double p;
  uint64_t seed, stream;
};

constexpr int64_t dropout_chunk = 64;  // elements whose words come together

// Elements [first, last), where first is a multiple of dropout_chunk.
NTM_FAST_CPU_DECLARE(template <class T>
                     void dropout(const Dropout<T>&, int64_t first, int64_t last))

}  // namespace ntm_fast
