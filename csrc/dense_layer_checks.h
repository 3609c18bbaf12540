#pragma once
// What the torch sides of dense_layer share, on every device: its arguments, checked.

#include <optional>
#include <utility>

#include "dense_layer.h"
#include "tensors.h"

namespace ntm_fast::dense_layer {

constexpr char op[] = "dense_layer";

using OptionalTensor = std::optional<Tensor>;

inline Activation activation_of(int64_t code) {
  check(code >= 0 && code <= 2, op, ": activation is ", code,
        ", expected 0 (none), 1 (softplus) or 2 (relu)");
  return Activation(code);
}

// Checks the layer and returns the number of its outputs.
inline int64_t checked(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                       const OptionalTensor& shift, bool batch_norm, double eps) {
  check(x.dim() == 2, op, ": x has shape ", shape(x), ", expected [B, I]");
  const int64_t inputs = x.size(1), outputs = weight ? weight->size(0) : inputs;
  if (weight) {
    check(weight->dim() == 2 && weight->size(1) == inputs, op, ": weight has shape ",
          shape(*weight), ", expected [O, ", inputs, "]");
    check_same_dtype(op, "weight", *weight, "x", x);
  }
  for (const auto& [name, tensor] : {std::pair{"bias", &bias}, {"shift", &shift}}) {
    if (!*tensor) continue;
    check((*tensor)->dim() == 1 && (*tensor)->size(0) == outputs, op, ": ", name, " has shape ",
          shape(**tensor), ", expected [", outputs, "]");
    check_same_dtype(op, name, **tensor, "x", x);
  }
  check(batch_norm || !shift, op, ": shift is given, but batch_norm is false");
  check(!batch_norm || x.size(0) > 0, op, ": x has shape ", shape(x),
        ", expected at least one document for batch_norm");
  check(eps >= 0 && eps < 1e300, op, ": eps is ", eps, ", expected a finite number >= 0");
  return outputs;
}

inline OptionalTensor plain(const OptionalTensor& tensor) {
  return tensor ? OptionalTensor(contiguous(*tensor)) : OptionalTensor();
}

template <class T>
const T* data_or_null(const OptionalTensor& tensor) {
  return tensor ? data<T>(*tensor) : nullptr;
}

// Checks what the backward is given beside the layer.
inline void check_backward(const Tensor& grad_y, const Tensor& x, const Tensor& y, bool batch_norm,
                           const Tensor& var, const Tensor& normalised, int64_t outputs) {
  const int64_t documents = x.size(0);
  check(y.dim() == 2 && y.size(0) == documents && y.size(1) == outputs, op, ": y has shape ",
        shape(y), ", expected [", documents, ", ", outputs, "]");
  check_same_shape(op, "grad_y", grad_y, "y", y);
  for (const auto& [name, tensor] : {std::pair{"grad_y", &grad_y}, {"y", &y}}) {
    check_same_dtype(op, name, *tensor, "x", x);
  }
  if (batch_norm) {
    check_same_shape(op, "normalised", normalised, "y", y);
    check_same_dtype(op, "normalised", normalised, "x", x);
    check(var.dim() == 1 && var.size(0) == outputs, op, ": var has shape ", shape(var),
          ", expected [", outputs, "]");
    check_same_dtype(op, "var", var, "x", x);
  }
}

}  // namespace ntm_fast::dense_layer
