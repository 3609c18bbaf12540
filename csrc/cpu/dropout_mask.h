#pragma once
// The words of Philox from which dropout masks are made (../dropout.h).

#include "../math/lanes.h"
#include "../math/philox.h"

NTM_FAST_ISA_BEGIN

// words[64 * chunk .. + 64) of a mask
NTM_FAST_INLINE void dropout_words(uint32_t (&words)[64], uint64_t seed, uint64_t stream,
                                   int64_t chunk) {
  constexpr uint64_t mask_half = 2;  // samplers use 0 and 1
  for (int i = 0; i < 16; i += double_lanes) {
    Uint64Lanes element = splat<Uint64Lanes>(uint64_t(chunk) * 16 + uint64_t(i));
    for (int j = 0; j < double_lanes; ++j) element[j] += uint64_t(j);
    const auto w = philox<Uint64Lanes>(seed, element, splat<Uint64Lanes>(stream), mask_half);
    store(words + i, __builtin_convertvector(w.w0, HalfUint32Lanes));
    store(words + 16 + i, __builtin_convertvector(w.w1, HalfUint32Lanes));
    store(words + 32 + i, __builtin_convertvector(w.w2, HalfUint32Lanes));
    store(words + 48 + i, __builtin_convertvector(w.w3, HalfUint32Lanes));
  }
}

NTM_FAST_ISA_END
