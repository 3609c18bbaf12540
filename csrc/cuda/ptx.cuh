#pragma once
// All inline PTX of this project, each instruction as a small function, for sm_80 and later.
// tests/kernels/cuda_emulation/ptx.h has the same functions for the host.
//
// Fragments of the warp-wide products (lane = 4 g + m): D [16, 8] holds at d[0], d[1] row g and
// columns 2m, 2m + 1, at d[2], d[3] row g + 8. Of bfloat16, two to a register, A [16, 16]
// holds at a[0] row g and columns 2m, 2m + 1; a[1] row g + 8; a[2] columns 8 further; a[3] both;
// B [16, 8] at b[0] rows 2m, 2m + 1 of column g, at b[1] 8 rows further. Of tf32, A [16, 8] holds
// at a[0] row g, column m; a[1] row g + 8; a[2] column m + 4; a[3] both; B [8, 8] at b[0] row m of
// column g, at b[1] row m + 4.

#include <stdint.h>

#include "math/host_device.h"

#ifndef NTM_FAST_CUDA_EMULATED

namespace ntm_fast {
namespace cuda {

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return uint32_t(__cvta_generic_to_shared(pointer));
}

#define NTM_FAST_MMA(name, shape)                                                     \
  /* d += a b */                                                                      \
  __device__ __forceinline__ void name(float (&d)[4], const uint32_t (&a)[4],         \
                                       const uint32_t (&b)[2]) {                      \
    asm volatile("mma.sync.aligned." shape                                            \
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"   \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                     \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
  }
NTM_FAST_MMA(mma_bf16, "m16n8k16.row.col.f32.bf16.bf16.f32")
NTM_FAST_MMA(mma_tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef NTM_FAST_MMA

// 8 x 8 matrices of 16-bit elements from shared memory: lane l gives the place, aligned to 16, of
// row l % 8 of matrix l / 8; to[j] are elements 2m, 2m + 1 of row g of matrix j (rows 2m, 2m + 1 of
// column g if transposed). The place is a pointer or an address in shared memory.
#define NTM_FAST_LDMATRIX(name, transposed)                                                       \
  __device__ __forceinline__ void name(uint32_t (&to)[4], uint32_t row) {                         \
    asm volatile("ldmatrix.sync.aligned.m8n8.x4" transposed ".shared.b16 {%0, %1, %2, %3}, [%4];" \
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])                             \
                 : "r"(row)                                                                       \
                 : "memory");                                                                     \
  }                                                                                               \
  __device__ __forceinline__ void name(uint32_t (&to)[4], const void* row) {                      \
    name(to, shared_address(row));                                                                \
  }
NTM_FAST_LDMATRIX(ldmatrix, "")
NTM_FAST_LDMATRIX(ldmatrix_transposed, ".trans")
#undef NTM_FAST_LDMATRIX

// The word at an address in shared memory; by all lanes of a warp.
__device__ __forceinline__ uint32_t load_shared(uint32_t from) {
  uint32_t word;
  asm volatile("ld.shared.b32 %0, [%1];" : "=r"(word) : "r"(from) : "memory");
  return word;
}

// Asynchronous copies to shared memory, zeros unless valid; both pointers aligned to the size.
#define NTM_FAST_CP_ASYNC(bytes, cache)                                              \
  __device__ __forceinline__ void cp_async_##bytes(void* shared, const void* global, \
                                                   bool valid = true) {              \
    asm volatile("cp.async." cache ".shared.global [%0], [%1], " #bytes              \
                 ", %2;" ::"r"(shared_address(shared)),                              \
                 "l"(global), "r"(valid ? bytes : 0)                                 \
                 : "memory");                                                        \
  }
NTM_FAST_CP_ASYNC(16, "cg")
NTM_FAST_CP_ASYNC(4, "ca")
#undef NTM_FAST_CP_ASYNC

__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most PENDING of this thread's committed groups are under way.
template <int PENDING>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Two floats rounded to 16 bits each, the first in the low half.
__device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ uint32_t to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

// One instruction, 2 ulp or so; denormals count as zero.
__device__ __forceinline__ float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

}  // namespace cuda
}  // namespace ntm_fast

#endif
