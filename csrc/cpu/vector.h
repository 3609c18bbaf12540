#pragma once
// One vector register of floats or doubles, as wide as the instruction set has them, through the
// vector extensions of gcc and clang: arithmetic on it compiles to single instructions.

#include <stdint.h>

#include "../math/host_device.h"

NTM_FAST_ISA_BEGIN

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
constexpr int vector_registers = 32;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
constexpr int vector_registers = 16;
#else
constexpr int vector_bytes = 16;
constexpr int vector_registers = 16;
#endif

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(vector_bytes)));
  static constexpr int width = vector_bytes / sizeof(T);
};

template <class T>
NTM_FAST_INLINE typename Vector<T>::type load(const T* from) {
  typename Vector<T>::type v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
NTM_FAST_INLINE void store(T* to, typename Vector<T>::type v) {
  __builtin_memcpy(to, &v, sizeof v);
}

// Sum of the lanes by halves, in the same order on every call.
template <class T, int LANES = Vector<T>::width, class V>
NTM_FAST_INLINE T sum_lanes(V v) {
  if constexpr (LANES == 16) {
    return sum_lanes<T, 8>(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                           __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  } else if constexpr (LANES == 8) {
    return sum_lanes<T, 4>(__builtin_shufflevector(v, v, 0, 1, 2, 3) +
                           __builtin_shufflevector(v, v, 4, 5, 6, 7));
  } else if constexpr (LANES == 4) {
    const auto pairs = v + __builtin_shufflevector(v, v, 2, 3, 2, 3);
    return pairs[0] + pairs[1];
  } else {
    return v[0] + v[1];
  }
}

NTM_FAST_ISA_END
