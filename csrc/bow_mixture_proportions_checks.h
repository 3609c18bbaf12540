#pragma once
// What torch's side of bow_mixture_proportions does on every device: its arguments, checked.

#include "csr_checks.h"

namespace ntm_fast {
namespace bow_mixture_proportions {

constexpr char op[] = "bow_mixture_proportions";

inline void check_arguments(const Tensor& theta, const Tensor& topics, const Tensor& prior,
                            const Tensor& indptr, int64_t steps) {
  check(theta.dim() == 2 && theta.size(1) > 0, op, ": theta has shape ", shape(theta),
        ", expected [B, K], K > 0");
  check(topics.dim() == 2 && topics.size(1) == theta.size(1) && topics.size(0) > 0, op,
        ": topics has shape ", shape(topics), ", expected [V, ", theta.size(1), "], V > 0");
  check(prior.dim() == 1 && prior.size(0) == theta.size(1), op, ": prior has shape ", shape(prior),
        ", expected [", theta.size(1), "]");
  check(indptr.dim() == 1 && indptr.size(0) == theta.size(0) + 1, op, ": indptr has shape ",
        shape(indptr), ", expected [", theta.size(0) + 1, "], one more than the rows of theta");
  dispatch_floating(op, "theta", theta, [](auto) {});
  dispatch_floating(op, "topics", topics, [](auto) {});
  check(is_real(prior), op, ": prior must be of a real dtype, got ", dtype(prior));
  check_same_device(op, "topics", topics, "theta", theta);
  check_same_device(op, "prior", prior, "theta", theta);
  check(steps >= 0, op, ": steps is ", steps, ", expected at least 0");
}

inline Tensor in_float64(const Tensor& tensor) {
  return contiguous(tensor.scalar_type() == ScalarType::Double
                        ? tensor
                        : torch::stable::to(tensor, ScalarType::Double));
}

inline Tensor in_dtype_of(const Tensor& other, const Tensor& tensor) {
  return other.scalar_type() == tensor.scalar_type()
             ? tensor
             : torch::stable::to(tensor, other.scalar_type());
}

}  // namespace bow_mixture_proportions
}  // namespace ntm_fast
