#pragma once
// Philox-4x32-10, the counter-based generator of Salmon, Moraes, Dror & Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011: four 32-bit words from a 128-bit counter and a 64-bit key.
//
// Samplers use key = seed and counter = (element, round, half): element is the flat position in the
// output, round counts the rejections, and half 1 gives the low words of uniforms whose high words
// came with half 0. So a draw depends only on the seed and its position.

#include <stdint.h>

#include "host_device.h"
#include "lanes.h"

NTM_FAST_ISA_BEGIN

// Words are the low 32 bits of 64-bit values; the high bits are left over from products.
template <class W>
struct PhiloxWords {
  W w0, w1, w2, w3;
};

NTM_FAST_INLINE uint64_t multiply_low_words(uint64_t a, uint32_t b) {
  return uint32_t(a) * uint64_t(b);
}

#ifndef __CUDACC__
NTM_FAST_INLINE Uint64Lanes multiply_low_words(Uint64Lanes a, uint32_t b) {
  const Uint64Lanes all_b = splat<Uint64Lanes>(b);
#if defined(__AVX512F__)
  return (Uint64Lanes)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)all_b);
#elif defined(__AVX2__)
  return (Uint64Lanes)_mm256_mul_epu32((__m256i)a, (__m256i)all_b);
#elif defined(__x86_64__)
  return (Uint64Lanes)_mm_mul_epu32((__m128i)a, (__m128i)all_b);
#else
  return (a & 0xffffffff) * all_b;
#endif
}
#endif

// W is uint64_t or lanes of it; element is 64-bit, round and half are below 2^32.
template <class W>
NTM_FAST_INLINE PhiloxWords<W> philox(uint64_t seed, W element, W round, uint64_t half) {
  uint32_t key0 = uint32_t(seed), key1 = uint32_t(seed >> 32);
  W c0 = element, c1 = element >> 32, c2 = round, c3 = splat<W>(half);
#ifdef __CUDACC__
#pragma unroll
#else
#pragma GCC unroll 10
#endif
  for (int i = 0; i < 10; ++i) {
    const W p0 = multiply_low_words(c0, 0xD2511F53u);
    const W p1 = multiply_low_words(c2, 0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ uint64_t(key0);
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ uint64_t(key1);
    c3 = p0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

NTM_FAST_ISA_END
