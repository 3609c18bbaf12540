#pragma once
// Checks of bow_linear that every device makes.

#include "tensors.h"

namespace ntm_fast {
namespace bow_linear_checks {

constexpr char op[] = "bow_linear";

inline void check_weight(const Tensor& weight) {
  check(weight.dim() == 2, op, ": weight has shape ", shape(weight), ", expected [V, H]");
}

inline void check_gradient(const Tensor& grad_output, int64_t documents, int64_t features) {
  check(
      grad_output.dim() == 2 && grad_output.size(0) == documents && grad_output.size(1) == features,
      op, ": grad_output has shape ", shape(grad_output), ", expected [", documents, ", ", features,
      "]");
}

}  // namespace bow_linear_checks
}  // namespace ntm_fast
