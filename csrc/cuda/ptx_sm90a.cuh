#pragma once
// Inline PTX that only sm_90a has: barriers in shared memory, bulk copies to it, and products by a
// warpgroup (4 warps from a multiple of 4 on). tests/kernels/cuda_emulation/ptx_sm90a.h has the
// same functions for the host. Source: PTX ISA, sections "mbarrier", "cp.async.bulk",
// "wgmma.mma_async".
//
// Matrices of bfloat16 in shared memory are made of core matrices, 8 x 8 elements in 128 bytes: 8
// rows of 16 bytes one after the other, without a swizzle. Such a row is a row of the matrix where
// what is summed over (k) lies along rows, and else 8 columns of one k.

#include "cuda/ptx.cuh"

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define NTM_FAST_SM90A  // the emulator defines it, too

namespace ntm_fast {
namespace cuda {

// A barrier of 8 bytes: its phase 0, 1, ... ends when this many threads have arrived and all
// expected bytes have been copied.
__device__ __forceinline__ void mbarrier_init(uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}
// Makes barriers that this thread has initialised known to bulk copies; then __syncthreads().
__device__ __forceinline__ void mbarrier_init_fence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
__device__ __forceinline__ void mbarrier_arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
}
__device__ __forceinline__ void mbarrier_arrive_expecting(uint64_t* barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
// Waits for the end of the phase whose number has this parity. Of a new barrier phase "-1", of
// parity 1, has ended.
__device__ __forceinline__ void mbarrier_wait(uint64_t* barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// Copies bytes in one piece, both ends and the size multiples of 16; the barrier counts them.
__device__ __forceinline__ void bulk_copy(void* shared, const void* global, int bytes,
                                          uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(shared)),
      "l"(global), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}

// Registers of each thread of this warpgroup from here on, a multiple of 8.
template <int REGISTERS>
__device__ __forceinline__ void more_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}
template <int REGISTERS>
__device__ __forceinline__ void fewer_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

// Nothing that reads or writes d moves past this.
template <int TILES>
__device__ __forceinline__ void keep_in_place(float (&d)[TILES][4]) {
#pragma unroll
  for (int j = 0; j < TILES; ++j) {
    asm volatile("" : "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])::"memory");
  }
}
// Before the first product, and before one whose registers were written by other instructions.
template <int TILES>
__device__ __forceinline__ void wgmma_fence(float (&d)[TILES][4]) {
  keep_in_place(d);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Waits for all products of this warp; until then neither d nor registers a may be touched.
template <int TILES>
__device__ __forceinline__ void wgmma_wait(float (&d)[TILES][4]) {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  keep_in_place(d);
}

#define NTM_FAST_TILE(j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define NTM_FAST_8_TILES(j)                                                           \
  NTM_FAST_TILE(j), NTM_FAST_TILE(j + 1), NTM_FAST_TILE(j + 2), NTM_FAST_TILE(j + 3), \
      NTM_FAST_TILE(j + 4), NTM_FAST_TILE(j + 5), NTM_FAST_TILE(j + 6), NTM_FAST_TILE(j + 7)
#define NTM_FAST_32_REGISTERS                                                                  \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
  "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"

// d [64, 8 TILES] += a [64, 16] b [16, 8 TILES], both in shared memory with k along the rows of
// their core matrices. Warp w of the warpgroup has rows 16 w ... + 15, d as of mma.sync: d[j] are
// columns 8 j ... + 7.
__device__ __forceinline__ void wgmma_bf16(float (&d)[8][4], uint64_t a, uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NTM_FAST_32_REGISTERS
               "}, %32, %33, 1, 1, 1, 0, 0;"
               : NTM_FAST_8_TILES(0)
               : "l"(a), "l"(b));
}
__device__ __forceinline__ void wgmma_bf16(float (&d)[16][4], uint64_t a, uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" NTM_FAST_32_REGISTERS
      ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, "
      "%49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
      "}, %64, %65, 1, 1, 1, 0, 0;"
      : NTM_FAST_8_TILES(0), NTM_FAST_8_TILES(8)
      : "l"(a), "l"(b));
}
// Tiles FIRST ... FIRST + 7 of d += a b: each warp has its 16 rows of a as of mma.sync; of b [16,
// 64] the columns lie along the rows of its core matrices.
template <int FIRST, int TILES>
__device__ __forceinline__ void wgmma_bf16_rows(float (&d)[TILES][4], const uint32_t (&a)[4],
                                                uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NTM_FAST_32_REGISTERS
               "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
               : NTM_FAST_8_TILES(FIRST)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
#undef NTM_FAST_TILE
#undef NTM_FAST_8_TILES
#undef NTM_FAST_32_REGISTERS

}  // namespace cuda
}  // namespace ntm_fast

#endif

namespace ntm_fast {
namespace cuda {

#ifdef NTM_FAST_SM90A
// A matrix in shared memory without a swizzle. along_k: bytes from one core matrix to the next
// along k, whether or not k lies along the rows of core matrices; across_k: the same for the other
// dimension.
__device__ __forceinline__ uint64_t matrix_descriptor(const void* shared, int along_k,
                                                      int across_k) {
  const auto field = [](uint32_t bytes) { return uint64_t(bytes >> 4 & 0x3fff); };
  return field(shared_address(shared)) | field(uint32_t(along_k)) << 16 |
         field(uint32_t(across_k)) << 32;
}
#endif

}  // namespace cuda
}  // namespace ntm_fast
