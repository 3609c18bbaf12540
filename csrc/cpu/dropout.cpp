#include "../dropout.h"

#include "dropout_mask.h"

NTM_FAST_ISA_BEGIN

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
