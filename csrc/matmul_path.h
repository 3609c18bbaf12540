#pragma once
// How the CPU kernels compute float32 matrix products.

#include <stdint.h>

namespace ntm_fast {

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

}  // namespace ntm_fast
