#pragma once
// Checks of bow_mixture_log_likelihood that every device makes.

#include "tensors.h"

namespace ntm_fast {
namespace bow_mixture {

constexpr char op[] = "bow_mixture_log_likelihood";

inline void check_parameters(const Tensor& theta, const Tensor& topic_logits,
                             const Tensor& indptr) {
  check(theta.dim() == 2 && theta.size(1) > 0, op, ": theta has shape ", shape(theta),
        ", expected [B, K], K > 0");
  check(
      topic_logits.dim() == 2 && topic_logits.size(1) == theta.size(1) && topic_logits.size(0) > 0,
      op, ": topic_logits has shape ", shape(topic_logits), ", expected [V, ", theta.size(1),
      "], V > 0");
  check_same_dtype(op, "topic_logits", topic_logits, "theta", theta);
  check(indptr.dim() == 1 && indptr.size(0) == theta.size(0) + 1, op, ": indptr has shape ",
        shape(indptr), ", expected [", theta.size(0) + 1, "], one more than the rows of theta");
}

inline void check_backward(const Tensor& grad_log_likelihood, const Tensor& theta,
                           const Tensor& indices, const Tensor& unit_grad_theta,
                           const Tensor& ratios, const Tensor& norms) {
  check(grad_log_likelihood.dim() == 1 && grad_log_likelihood.size(0) == theta.size(0), op,
        ": grad_log_likelihood has shape ", shape(grad_log_likelihood), ", expected [",
        theta.size(0), "]");
  check(norms.dim() == 2 && norms.size(0) == 2 && norms.size(1) == theta.size(1), op,
        ": norms has shape ", shape(norms), ", expected [2, ", theta.size(1), "]");
  check_same_dtype(op, "grad_log_likelihood", grad_log_likelihood, "theta", theta);
  check_same_dtype(op, "norms", norms, "theta", theta);
  check_same_dtype(op, "grad_theta", unit_grad_theta, "theta", theta);
  check_same_dtype(op, "ratios", ratios, "theta", theta);
  check_same_shape(op, "grad_theta", unit_grad_theta, "theta", theta);
  check_same_shape(op, "ratios", ratios, "indices", indices);
}

}  // namespace bow_mixture
}  // namespace ntm_fast
