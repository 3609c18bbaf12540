#pragma once
// For every function in csrc/math and every loop in csrc/cpu: the namespace of the instruction set
// it is compiled for, and the qualifiers that let one source serve host and device.
//
// The build compiles these files once per instruction set with -DNTM_FAST_ISA=baseline|avx2|avx512
// (cuda in .cu files). An inline function that the linker could merge across instruction sets would
// crash older machines, so everything is in its own namespace and always inlined.

#ifndef NTM_FAST_ISA
#ifdef __CUDACC__
#define NTM_FAST_ISA cuda
#else
#error "compile with -DNTM_FAST_ISA=<instruction set>; see setup.py"
#endif
#endif

#ifdef __CUDACC__
#define NTM_FAST_INLINE __host__ __device__ __forceinline__
#else
#define NTM_FAST_INLINE inline __attribute__((always_inline))
#endif

// Wrap kernels and math: NTM_FAST_ISA_BEGIN ... NTM_FAST_ISA_END.
#define NTM_FAST_ISA_BEGIN \
  namespace ntm_fast {     \
  namespace NTM_FAST_ISA {
#define NTM_FAST_ISA_END \
  }                      \
  }

// Vectorised loop over independent elements (no reduction is reordered: that needs our own lanes).
#define NTM_FAST_SIMD _Pragma("omp simd")
