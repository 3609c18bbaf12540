#pragma once
// Which copy of the CPU kernels runs, and how it computes matrix products. Each kernel in csrc/cpu
// is compiled once per instruction set, in the namespace of that set; the widest one that the
// processor and the system allow is called.

#include <stdint.h>

namespace ntm_fast {

// The last two add products of bfloat16 matrices to avx512 and change nothing else.
enum class CpuLevel { baseline, avx2, avx512, avx512_bf16, amx };

// The level in use: NTM_FAST_CPU if set (to a name in the enumeration), else the widest supported
// one.
// Throws std::invalid_argument if NTM_FAST_CPU names no level or one this machine lacks.
CpuLevel cpu_level();

// The widest level that this machine supports, whatever NTM_FAST_CPU says. The first call asks the
// system for the use of AMX.
CpuLevel widest_cpu_level();

const char* cpu_level_name(CpuLevel level);

// How float32 matrix products are computed.
enum class MatmulPath {
  float32,
  avx512_bf16,  // operands rounded to bfloat16, sums in float32
  amx_bf16,     // the same in tiles
  amx_bf16x3    // each operand split in two bfloat16, three products: error about 1e-5
};

// The path for a precision at the level in use: the fastest of those at least as precise.
// Precisions are 0, 1 and 2 for torch's "highest", "high" and "medium"; std::invalid_argument for
// others.
MatmulPath matmul_path(int64_t precision);

const char* matmul_path_name(MatmulPath path);

// Buffers of rows are padded with zeros to a multiple of this, on every instruction set.
constexpr int64_t row_padding = 16;

}  // namespace ntm_fast

// Declares a kernel in the namespace of every instruction set that is compiled in.
// Calls the copy of the level in use: NTM_FAST_CPU_CALL(kernel<float>)(arguments).
#if defined(__x86_64__)
#define NTM_FAST_CPU_DECLARE(...) \
  namespace baseline {            \
  __VA_ARGS__;                    \
  }                               \
  namespace avx2 {                \
  __VA_ARGS__;                    \
  }                               \
  namespace avx512 {              \
  __VA_ARGS__;                    \
  }
// The same for the kernels that only the levels with bfloat16 products have.
#define NTM_FAST_BF16_DECLARE(...) \
  namespace avx512_bf16 {          \
  __VA_ARGS__;                     \
  }                                \
  namespace amx {                  \
  __VA_ARGS__;                     \
  }
#define NTM_FAST_CPU_CALL(...)                                                                \
  (::ntm_fast::cpu_level() >= ::ntm_fast::CpuLevel::avx512 ? &::ntm_fast::avx512::__VA_ARGS__ \
   : ::ntm_fast::cpu_level() == ::ntm_fast::CpuLevel::avx2 ? &::ntm_fast::avx2::__VA_ARGS__   \
                                                           : &::ntm_fast::baseline::__VA_ARGS__)
#else
#define NTM_FAST_CPU_DECLARE(...) \
  namespace baseline {            \
  __VA_ARGS__;                    \
  }
#define NTM_FAST_CPU_CALL(...) (&::ntm_fast::baseline::__VA_ARGS__)
#endif
