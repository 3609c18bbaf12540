#pragma once
// What the torch sides of bow_product_log_likelihood share, on every device: its arguments,
// checked.

#include <cmath>
#include <utility>

#include "tensors.h"

namespace ntm_fast::bow_product {

constexpr char op[] = "bow_product_log_likelihood";

inline void check_per_word(const char* name, const OptionalTensor& tensor, const Tensor& weight) {
  if (!tensor) return;
  check(tensor->dim() == 1 && tensor->size(0) == weight.size(0), op, ": ", name, " has shape ",
        shape(*tensor), ", expected [V], [", weight.size(0), "]");
}

inline void check_precision(int64_t precision) {
  check(precision >= 0 && precision <= 2, op, ": precision is ", precision, ", expected 0, 1 or 2");
}

struct Arguments {
  Tensor hidden, weight;
  OptionalTensor bias, mean, var, scale, shift;
  bool batch_norm;
  double eps;

  bool batch_statistics() const { return batch_norm && !mean; }
};

// Checks, and makes what the kernels read contiguous.
inline Arguments checked(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias,
                         bool batch_norm, const OptionalTensor& mean, const OptionalTensor& var,
                         const OptionalTensor& scale, const OptionalTensor& shift, double eps) {
  check(hidden.dim() == 2, op, ": hidden has shape ", shape(hidden), ", expected [B, K]");
  check(weight.dim() == 2 && weight.size(1) == hidden.size(1), op, ": weight has shape ",
        shape(weight), ", expected [V, K] with K = ", hidden.size(1), ", that of hidden");
  check(weight.size(0) > 0 && weight.size(1) > 0, op, ": weight has shape ", shape(weight),
        ", expected at least one word and one topic");
  check_same_dtype(op, "weight", weight, "hidden", hidden);
  const std::pair<const char*, const OptionalTensor*> per_word[] = {
      {"bias", &bias}, {"mean", &mean}, {"var", &var}, {"scale", &scale}, {"shift", &shift}};
  for (const auto& [name, tensor] : per_word) {
    if (!*tensor) continue;
    check_per_word(name, *tensor, weight);
    check_same_dtype(op, name, **tensor, "hidden", hidden);
    check(batch_norm || tensor == &bias, op, ": ", name, " is given, but batch_norm is false");
  }
  check(mean.has_value() == var.has_value(), op, ": ", mean ? "mean" : "var", " is given without ",
        mean ? "var" : "mean");
  check(eps >= 0 && std::isfinite(eps), op, ": eps is ", eps, ", expected a finite number >= 0");
  return {contiguous(hidden),
          contiguous(weight),
          contiguous_or_none(bias),
          contiguous_or_none(mean),
          contiguous_or_none(var),
          contiguous_or_none(scale),
          contiguous_or_none(shift),
          batch_norm,
          eps};
}

// What both backwards ask of what the forward has given and kept.
inline void check_backward(const Arguments& a, const Tensor& grad_log_likelihood,
                           const Tensor& batch_var, const Tensor& kept) {
  const int64_t documents = a.hidden.size(0);
  check(grad_log_likelihood.dim() == 1 && grad_log_likelihood.size(0) == documents, op,
        ": grad_log_likelihood has shape ", shape(grad_log_likelihood), ", expected [", documents,
        "]");
  check_same_dtype(op, "grad_log_likelihood", grad_log_likelihood, "hidden", a.hidden);
  check(batch_var.numel() == (a.batch_statistics() ? a.weight.size(0) : 0), op,
        ": the batch's variance has shape ", shape(batch_var));
  check_same_dtype(op, "the batch's variance", batch_var, "hidden", a.hidden);
  check_same_device(op, "kept", kept, "hidden", a.hidden);
  check(kept.scalar_type() == ScalarType::Byte, op, ": kept must be uint8, got ", dtype(kept));
}

}  // namespace ntm_fast::bow_product
