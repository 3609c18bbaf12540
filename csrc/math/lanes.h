#pragma once
// Vectors as wide as the instruction set's registers, and functions that let one template serve
// vectors and scalars: write select(mask, a, b) for mask ? a : b, splat<T>(c) for T(c), Scalar<T>
// for the type of one lane. Used where loops are too long for the compiler to vectorise reliably.

#include <stdint.h>

#include "host_device.h"

#if !defined(__CUDACC__) && defined(__x86_64__)
#include <immintrin.h>
#endif

NTM_FAST_ISA_BEGIN

template <class T>
struct LaneTraits {
  using Scalar = T;
};

NTM_FAST_INLINE float select(bool mask, float a, float b) { return mask ? a : b; }
NTM_FAST_INLINE double select(bool mask, double a, double b) { return mask ? a : b; }
NTM_FAST_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
NTM_FAST_INLINE double square_root(double x) { return __builtin_sqrt(x); }

#ifndef __CUDACC__

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

typedef float FloatLanes __attribute__((vector_size(vector_bytes)));
// A vector of floats with as many lanes as one of doubles.
typedef float HalfFloatLanes __attribute__((vector_size(vector_bytes / 2)));
typedef uint32_t HalfUint32Lanes __attribute__((vector_size(vector_bytes / 2)));
typedef uint32_t Uint32Lanes __attribute__((vector_size(vector_bytes)));
typedef int32_t Int32Lanes __attribute__((vector_size(vector_bytes)));
typedef double DoubleLanes __attribute__((vector_size(vector_bytes)));
typedef int64_t Int64Lanes __attribute__((vector_size(vector_bytes)));
typedef uint64_t Uint64Lanes __attribute__((vector_size(vector_bytes)));

constexpr int float_lanes = vector_bytes / 4;
constexpr int double_lanes = vector_bytes / 8;

template <>
struct LaneTraits<FloatLanes> {
  using Scalar = float;
};
template <>
struct LaneTraits<DoubleLanes> {
  using Scalar = double;
};
template <>
struct LaneTraits<Uint64Lanes> {
  using Scalar = uint64_t;
};

NTM_FAST_INLINE FloatLanes select(Int32Lanes mask, FloatLanes a, FloatLanes b) {
  return mask ? a : b;
}
NTM_FAST_INLINE DoubleLanes select(Int64Lanes mask, DoubleLanes a, DoubleLanes b) {
  return mask ? a : b;
}

template <class V, class T>
NTM_FAST_INLINE V load(const T* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
NTM_FAST_INLINE DoubleLanes load_double(const double* from) { return load<DoubleLanes>(from); }
NTM_FAST_INLINE DoubleLanes load_double(const float* from) {
  return __builtin_convertvector(load<HalfFloatLanes>(from), DoubleLanes);
}
template <class V, class T>
NTM_FAST_INLINE void store(T* to, V value) {
  __builtin_memcpy(to, &value, sizeof value);
}
NTM_FAST_INLINE void store_double(double* to, DoubleLanes value) { store(to, value); }
NTM_FAST_INLINE void store_double(float* to, DoubleLanes value) {
  store(to, __builtin_convertvector(value, HalfFloatLanes));
}

NTM_FAST_INLINE FloatLanes square_root(FloatLanes x) {
#if defined(__AVX512F__)
  return (FloatLanes)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#elif defined(__AVX2__)
  return (FloatLanes)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
  return (FloatLanes)_mm_sqrt_ps((__m128)x);
#else
  for (int i = 0; i < float_lanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}
NTM_FAST_INLINE DoubleLanes square_root(DoubleLanes x) {
#if defined(__AVX512F__)
  return (DoubleLanes)_mm512_maskz_sqrt_pd(0xff, (__m512d)x);
#elif defined(__AVX2__)
  return (DoubleLanes)_mm256_sqrt_pd((__m256d)x);
#elif defined(__x86_64__)
  return (DoubleLanes)_mm_sqrt_pd((__m128d)x);
#else
  for (int i = 0; i < double_lanes; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

// Bit i is set where lane i of a comparison holds.
NTM_FAST_INLINE uint32_t mask_bits(Int32Lanes mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX2__)
  return uint32_t(_mm256_movemask_ps((__m256)mask));
#elif defined(__x86_64__)
  return uint32_t(_mm_movemask_ps((__m128)mask));
#else
  uint32_t bits = 0;
  for (int i = 0; i < float_lanes; ++i) bits |= uint32_t(mask[i] & 1) << i;
  return bits;
#endif
}
NTM_FAST_INLINE uint32_t mask_bits(Int64Lanes mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi64_mask((__m512i)mask);
#elif defined(__AVX2__)
  return uint32_t(_mm256_movemask_pd((__m256d)mask));
#elif defined(__x86_64__)
  return uint32_t(_mm_movemask_pd((__m128d)mask));
#else
  uint32_t bits = 0;
  for (int i = 0; i < double_lanes; ++i) bits |= uint32_t(mask[i] & 1) << i;
  return bits;
#endif
}

#endif

template <class T>
using Scalar = typename LaneTraits<T>::Scalar;

template <class T>
NTM_FAST_INLINE T splat(Scalar<T> value) {
  return T{} + value;
}

NTM_FAST_ISA_END
