#include "dropout.h"

#include "math/lanes.h"
#include "math/philox.h"

NTM_FAST_ISA_BEGIN

namespace {

// Words 64 chunk .. 64 chunk + 63 of a mask (dropout.h), from Philox.
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

}  // namespace

template <class T>
void dropout(const Dropout<T>& args, int64_t first, int64_t last) {
  const uint32_t threshold = args.threshold;
  const T scale = args.scale;
  alignas(64) uint32_t words[dropout_chunk];
  for (int64_t begin = first; begin < last; begin += dropout_chunk) {
    dropout_words(words, args.seed, args.stream, begin / dropout_chunk);
    const T* from = args.from + begin;
    T* to = args.to + begin;
    if (last - begin >= dropout_chunk) {
      NTM_FAST_SIMD for (int i = 0; i < dropout_chunk; ++i) {
        to[i] = words[i] >= threshold ? from[i] * scale : T(0);
      }
    } else {
      for (int i = 0; i < last - begin; ++i) to[i] = words[i] >= threshold ? from[i] * scale : T(0);
    }
  }
}

template void dropout(const Dropout<float>&, int64_t, int64_t);
template void dropout(const Dropout<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
