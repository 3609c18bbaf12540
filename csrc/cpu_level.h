#pragma once
// Which copy of the CPU kernels runs. Each kernel in csrc/cpu is compiled once per instruction set,
// in the namespace of that set; the widest one that the processor and the system allow is called.

namespace ntm_fast {

enum class CpuLevel { baseline, avx2, avx512 };

// The level in use: NTM_FAST_CPU=baseline|avx2|avx512 if set, else the widest supported one.
// Throws std::invalid_argument if NTM_FAST_CPU names no level or one this machine lacks.
CpuLevel cpu_level();

// The widest level that this machine supports, whatever NTM_FAST_CPU says.
CpuLevel widest_cpu_level();

const char* cpu_level_name(CpuLevel level);

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
#define NTM_FAST_CPU_CALL(...)                                                                \
  (::ntm_fast::cpu_level() == ::ntm_fast::CpuLevel::avx512 ? &::ntm_fast::avx512::__VA_ARGS__ \
   : ::ntm_fast::cpu_level() == ::ntm_fast::CpuLevel::avx2 ? &::ntm_fast::avx2::__VA_ARGS__   \
                                                           : &::ntm_fast::baseline::__VA_ARGS__)
#else
#define NTM_FAST_CPU_DECLARE(...) \
  namespace baseline {            \
  __VA_ARGS__;                    \
  }
#define NTM_FAST_CPU_CALL(...) (&::ntm_fast::baseline::__VA_ARGS__)
#endif
