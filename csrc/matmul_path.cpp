#include "matmul_path.h"

#include <stdexcept>
#include <string>

#include "cpu_level.h"

namespace ntm_fast {

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
