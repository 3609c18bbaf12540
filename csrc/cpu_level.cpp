#include "cpu_level.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace ntm_fast {

namespace {

constexpr CpuLevel levels[] = {CpuLevel::baseline, CpuLevel::avx2, CpuLevel::avx512};

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
                              ": expected baseline, avx2 or avx512");
}

}  // namespace

CpuLevel widest_cpu_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return CpuLevel::avx512;
  if (avx2) return CpuLevel::avx2;
#endif
  return CpuLevel::baseline;
}

CpuLevel cpu_level() {
  static const CpuLevel level = choose();
  return level;
}

const char* cpu_level_name(CpuLevel level) {
  switch (level) {
    case CpuLevel::avx512: return "avx512";
    case CpuLevel::avx2: return "avx2";
    default: return "baseline";
  }
}

}  // namespace ntm_fast
