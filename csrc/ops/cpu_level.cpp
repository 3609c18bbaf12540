#include "cpu_level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <stdexcept>
#include <string>

// Defined by tests/kernels/amx_emulation/amx_emulator.c when it is loaded beforehand.
extern "C" __attribute__((weak)) const int ntm_fast_emulates_amx;

namespace ntm_fast {

namespace {

constexpr CpuLevel levels[] = {CpuLevel::baseline, CpuLevel::avx2, CpuLevel::avx512,
                               CpuLevel::avx512_bf16, CpuLevel::amx};

CpuLevel choose() {
  const CpuLevel widest = widest_cpu_level();
  const char* wanted = std::getenv("NTM_FAST_CPU");
  if (wanted == nullptr || *wanted == '\0') return widest;
  for (CpuLevel level : levels) {
    if (std::string(wanted) != cpu_level_name(level)) continue;
    if (level <= widest) return level;
    throw std::invalid_argument(std::string("NTM_FAST_CPU=") + wanted +
                                ": this machine supports no more than " + cpu_level_name(widest));
  }
  throw std::invalid_argument(std::string("NTM_FAST_CPU=") + wanted +
                              ": expected baseline, avx2, avx512, avx512_bf16 or amx");
}

#if defined(__x86_64__)
// Products of bfloat16 pairs in vector registers: leaf 7.1 of CPUID.
bool has_avx512_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

// Tiles and their products of bfloat16: leaf 7.0 of CPUID, and the system's permission to use the
// tile registers, which holds for the whole process.
bool has_amx() {
  if (&ntm_fast_emulates_amx != nullptr) return true;
#if defined(__linux__)
  constexpr int request_permission = 0x1023, tile_data = 18;  // of arch_prctl(2)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1) &&
         syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}
#endif

CpuLevel find_widest() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) {
    if (!has_avx512_bf16()) return CpuLevel::avx512;
    return has_amx() ? CpuLevel::amx : CpuLevel::avx512_bf16;
  }
  if (avx2) return CpuLevel::avx2;
#endif
  return CpuLevel::baseline;
}

}  // namespace

CpuLevel widest_cpu_level() {
  static const CpuLevel level = find_widest();
  return level;
}

CpuLevel cpu_level() {
  static const CpuLevel level = choose();
  return level;
}

const char* cpu_level_name(CpuLevel level) {
  switch (level) {
    case CpuLevel::amx: return "amx";
    case CpuLevel::avx512_bf16: return "avx512_bf16";
    case CpuLevel::avx512: return "avx512";
    case CpuLevel::avx2: return "avx2";
    default: return "baseline";
  }
}

MatmulPath matmul_path(int64_t precision) {
  const CpuLevel level = cpu_level();
  if (precision == 0) return MatmulPath::float32;
  if (precision == 1) {
    return level == CpuLevel::amx ? MatmulPath::amx_bf16x3 : MatmulPath::float32;
  }
  if (precision == 2) {
    return level == CpuLevel::amx           ? MatmulPath::amx_bf16
           : level == CpuLevel::avx512_bf16 ? MatmulPath::avx512_bf16
                                            : MatmulPath::float32;
  }
  throw std::invalid_argument("precision is " + std::to_string(precision) +
                              ", expected 0, 1 or 2, for highest, high or medium");
}

const char* matmul_path_name(MatmulPath path) {
  switch (path) {
    case MatmulPath::avx512_bf16: return "bfloat16 (avx512_bf16)";
    case MatmulPath::amx_bf16: return "bfloat16 (amx)";
    case MatmulPath::amx_bf16x3: return "3 x bfloat16 (amx)";
    default: return "float32";
  }
}

}  // namespace ntm_fast
