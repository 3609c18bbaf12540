#pragma once
// The functions of CUDA that kernels may call, for cuda_emulation.h. There are no atomics on
// floating-point numbers: they would make results depend on the order of threads.

#include <math.h>

#include <type_traits>

inline void __syncthreads(int line = __builtin_LINE()) { cuda_emulation::barrier(line); }
inline int __syncthreads_or(bool predicate, int line = __builtin_LINE()) {
  cuda_emulation::Thread& thread = cuda_emulation::threads[cuda_emulation::current];
  thread.predicate = predicate;
  cuda_emulation::barrier(line);
  return std::exchange(thread.predicate, false);
}
inline void __syncwarp(unsigned mask = ~0u, int line = __builtin_LINE()) {
  cuda_emulation::collective(mask, line, nullptr, nullptr, nullptr);
}

namespace cuda_emulation {

inline int lane() { return current % warpSize; }

template <class T>
struct Shuffle {
  T value;
  int source;  // lane
};

template <class T>
T shuffle(unsigned mask, T value, int source, int line) {
  Shuffle<T> in{value, source};
  T out;
  collective(
      mask, line,
      [](Lane* lanes, unsigned mask) {
        for (int l = 0; l < warpSize; ++l) {
          if (!(mask >> l & 1)) continue;
          const int from = static_cast<const Shuffle<T>*>(lanes[l].in)->source;
          T& to = *static_cast<T*>(lanes[l].out);
          if (mask >> from & 1) to = static_cast<const Shuffle<T>*>(lanes[from].in)->value;
          else memset(static_cast<void*>(&to), 0xff, sizeof to);  // undefined on a GPU
        }
      },
      &in, &out);
  return out;
}

// out = f over the lanes of the mask
template <class T, class F>
T reduce(unsigned mask, T value, int line, F) {
  T out;
  collective(
      mask, line,
      [](Lane* lanes, unsigned mask) {
        T total{};
        bool first = true;
        for (int l = 0; l < warpSize; ++l) {
          if (!(mask >> l & 1)) continue;
          const T x = *static_cast<const T*>(lanes[l].in);
          total = first ? x : F{}(total, x);
          first = false;
        }
        for (int l = 0; l < warpSize; ++l) {
          if (mask >> l & 1) *static_cast<T*>(lanes[l].out) = total;
        }
      },
      &value, &out);
  return out;
}

struct Plus {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct Least {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Most {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct Or {
  template <class T>
  T operator()(T a, T b) const {
    return a | b;
  }
};
struct And {
  template <class T>
  T operator()(T a, T b) const {
    return a & b;
  }
};

}  // namespace cuda_emulation

template <class T>
T __shfl_sync(unsigned mask, T v, int source, int width = 32, int line = __builtin_LINE()) {
  const int l = cuda_emulation::lane();
  return cuda_emulation::shuffle(mask, v, l / width * width + (source & (width - 1)), line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int other, int width = 32, int line = __builtin_LINE()) {
  const int l = cuda_emulation::lane(), source = l ^ other;
  return cuda_emulation::shuffle(mask, v, source / width > l / width ? l : source, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T v, int delta, int width = 32, int line = __builtin_LINE()) {
  const int l = cuda_emulation::lane();
  return cuda_emulation::shuffle(mask, v, l % width < delta ? l : l - delta, line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, int delta, int width = 32, int line = __builtin_LINE()) {
  const int l = cuda_emulation::lane();
  return cuda_emulation::shuffle(mask, v, l % width + delta >= width ? l : l + delta, line);
}
inline unsigned __ballot_sync(unsigned mask, bool predicate, int line = __builtin_LINE()) {
  const unsigned bit = unsigned(predicate) << cuda_emulation::lane();
  return cuda_emulation::reduce(mask, bit, line, cuda_emulation::Or{});
}
inline int __any_sync(unsigned mask, bool predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, line) != 0;
}
inline int __all_sync(unsigned mask, bool predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, !predicate, line) == 0;
}
#define CUDA_EMULATION_REDUCE(name, F)                                        \
  template <class T>                                                          \
  T __reduce_##name##_sync(unsigned mask, T v, int line = __builtin_LINE()) { \
    static_assert(std::is_integral<T>::value, "integers only");               \
    return cuda_emulation::reduce(mask, v, line, cuda_emulation::F{});        \
  }
CUDA_EMULATION_REDUCE(add, Plus)
CUDA_EMULATION_REDUCE(min, Least)
CUDA_EMULATION_REDUCE(max, Most)
CUDA_EMULATION_REDUCE(or, Or)
CUDA_EMULATION_REDUCE(and, And)
template <class T>
unsigned __match_any_sync(unsigned mask, T v, int line = __builtin_LINE()) {
  unsigned result = 0;
  for (int l = 0; l < warpSize; ++l) {
    const T other = __shfl_sync(mask, v, l, 32, line);
    result |= unsigned((mask >> l & 1) && other == v) << l;
  }
  return result;
}

#define CUDA_EMULATION_ATOMIC(name, expression)                 \
  template <class T, class V>                                   \
  T atomic##name(T* place, V operand) {                         \
    static_assert(std::is_integral<T>::value, "integers only"); \
    const T before = *place, value = T(operand);                \
    *place = expression;                                        \
    return before;                                              \
  }
CUDA_EMULATION_ATOMIC(Add, before + value)
CUDA_EMULATION_ATOMIC(Sub, before - value)
CUDA_EMULATION_ATOMIC(Or, before | value)
CUDA_EMULATION_ATOMIC(And, before& value)
CUDA_EMULATION_ATOMIC(Exch, value)
CUDA_EMULATION_ATOMIC(Min, value < before ? value : before)
CUDA_EMULATION_ATOMIC(Max, value > before ? value : before)
template <class T>
T atomicCAS(T* place, T expected, T value) {
  const T before = *place;
  if (before == expected) *place = value;
  return before;
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {}
inline long long clock64() { return 0; }

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

template <class T>
T __ldg(const T* p) {
  return *p;
}
template <class T>
T __ldcs(const T* p) {
  return *p;
}
template <class T>
T __ldcg(const T* p) {
  return *p;
}
template <class T>
void __stcs(T* p, T v) {
  *p = v;
}
template <class T>
void __stcg(T* p, T v) {
  *p = v;
}

inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
inline long long __double_as_longlong(double x) { return __builtin_bit_cast(long long, x); }
inline double __longlong_as_double(long long x) { return __builtin_bit_cast(double, x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1 / x; }
inline double __drcp_rn(double x) { return 1 / x; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __saturatef(float x) { return x > 0 ? x < 1 ? x : 1 : 0; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
template <class T>
T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
  return a < b ? b : a;
}
