#pragma once
// The register of lanes (math/lanes.h) that holds elements of type T, and how many registers there
// are, for kernels that keep whole blocks in them.

#include "math/lanes.h"

NTM_FAST_ISA_BEGIN

constexpr int vector_registers = vector_bytes == 64 ? 32 : 16;

template <class T>
struct Vector;
template <>
struct Vector<float> {
  using type = FloatLanes;
  static constexpr int width = float_lanes;
};
template <>
struct Vector<double> {
  using type = DoubleLanes;
  static constexpr int width = double_lanes;
};

template <class T>
NTM_FAST_INLINE typename Vector<T>::type load(const T* from) {
  return load<typename Vector<T>::type>(from);
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
