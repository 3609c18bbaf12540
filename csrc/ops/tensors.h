#pragma once
// What the torch side of every op shares: errors, checks of tensors and their values, dtypes.
// Only the stable ABI of torch is used, so that one binary runs on any torch from 2.10 on.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#ifndef STABLE_TORCH_ERROR_CODE_CHECK  // its name before torch 2.12
#define STABLE_TORCH_ERROR_CODE_CHECK(call) TORCH_ERROR_CODE_CHECK(call)
#endif

namespace ntm_fast {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

// Throws std::invalid_argument (ValueError in Python). Never call it inside parallel_blocks.
template <class... Parts>
void check(bool ok, const Parts&... parts) {
  if (ok) return;
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

// A shape in a message: put into words only when the check fails, for that costs more than a small
// op.
struct Shape {
  const Tensor& tensor;
};

inline Shape shape(const Tensor& tensor) { return {tensor}; }

inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << "[";
  for (int64_t i = 0; i < shape.tensor.dim(); ++i) out << (i ? ", " : "") << shape.tensor.size(i);
  return out << "]";
}

// A dtype in a message, by torch's name of it.
struct Dtype {
  const Tensor& tensor;
};

inline Dtype dtype(const Tensor& tensor) { return {tensor}; }

inline std::ostream& operator<<(std::ostream& out, const Dtype& dtype) {
  const ScalarType type = dtype.tensor.scalar_type();
  switch (type) {
    case ScalarType::Bool: return out << "bool";
    case ScalarType::Byte: return out << "uint8";
    case ScalarType::Char: return out << "int8";
    case ScalarType::Short: return out << "int16";
    case ScalarType::Int: return out << "int32";
    case ScalarType::Long: return out << "int64";
    case ScalarType::Half: return out << "float16";
    case ScalarType::BFloat16: return out << "bfloat16";
    case ScalarType::Float: return out << "float32";
    case ScalarType::Double: return out << "float64";
    default: return out << torch::headeronly::toString(type);
  }
}

inline void check_same_shape(const char* op, const char* name, const Tensor& tensor,
                             const char* other_name, const Tensor& other) {
  bool same = tensor.dim() == other.dim();
  for (int64_t i = 0; same && i < tensor.dim(); ++i) same = tensor.size(i) == other.size(i);
  check(same, op, ": ", name, " has shape ", shape(tensor), ", expected that of ", other_name, ", ",
        shape(other));
}

inline void check_same_device(const char* op, const char* name, const Tensor& tensor,
                              const char* other_name, const Tensor& other) {
  check(tensor.is_cpu() == other.is_cpu() && tensor.get_device_index() == other.get_device_index(),
        op, ": ", name, " is on another device than ", other_name);
}

// The same dtype, and the same device.
inline void check_same_dtype(const char* op, const char* name, const Tensor& tensor,
                             const char* other_name, const Tensor& other) {
  check_same_device(op, name, tensor, other_name, other);
  check(tensor.scalar_type() == other.scalar_type(), op, ": ", name, " has another dtype than ",
        other_name, ", ", dtype(tensor), " and ", dtype(other),
        "; expected both float32 or both float64");
}

// Calls f(float{}) or f(double{}), whichever the tensor holds.
template <class F>
auto dispatch_floating(const char* op, const char* name, const Tensor& tensor, F&& f) {
  const ScalarType type = tensor.scalar_type();
  check(type == ScalarType::Float || type == ScalarType::Double, op, ": ", name,
        " must be float32 or float64, got ", dtype(tensor));
  return type == ScalarType::Double ? f(double{}) : f(float{});
}

template <class T>
const T* data(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

template <class T>
T* mutable_data(const Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

template <class T>
const T* data_or_null(const OptionalTensor& tensor) {
  return tensor ? data<T>(*tensor) : nullptr;
}

inline OptionalTensor contiguous_or_none(const OptionalTensor& tensor) {
  return tensor ? OptionalTensor(contiguous(*tensor)) : OptionalTensor();
}

// The rows of a matrix may be apart, but each is contiguous.
inline Tensor with_contiguous_rows(const Tensor& tensor) {
  return tensor.size(1) <= 1 || tensor.stride(1) == 1 ? tensor : contiguous(tensor);
}

// Whether all of values[0..n) are good: in blocks without branches, which the compiler vectorises.
template <class T, class Good>
bool all_good(const T* values, int64_t n, const Good& good) {
  constexpr int block = 64;
  int64_t i = 0;
  int bad = 0;
  for (; i + block <= n && !bad; i += block) {
    for (int j = 0; j < block; ++j) bad += !good(values[i + j]);
  }
  for (; i < n; ++i) bad += !good(values[i]);
  return bad == 0;
}

// Throws std::invalid_argument, naming the first of values[0..n) that is not good.
template <class T, class Good>
void check_values(const char* op, const char* name, const T* values, int64_t n, const Good& good,
                  const std::string& expectation) {
  if (all_good(values, n, good)) return;
  const int64_t bad = std::find_if_not(values, values + n, good) - values;
  check(false, op, ": ", name, "[", bad, "] is ", values[bad], ", expected ", expectation);
}

// The place of an element of a contiguous tensor in a message: "2, 3".
inline std::string index_of(const Tensor& tensor, int64_t position) {
  std::string index;
  for (int64_t axis = tensor.dim() - 1; axis >= 0; position /= tensor.size(axis--)) {
    index = std::to_string(position % tensor.size(axis)) + (index.empty() ? "" : ", " + index);
  }
  return index;
}

// All elements positive (infinity passes); values are those of tensor, made contiguous.
template <class T>
void check_positive(const char* op, const char* name, const Tensor& tensor, const T* values) {
  const auto good = [](T x) { return x > 0; };
  const int64_t n = tensor.numel();
  if (all_good(values, n, good)) return;
  const int64_t bad = std::find_if_not(values, values + n, good) - values;
  check(false, op, ": ", name, "[", index_of(tensor, bad), "] is ", values[bad], ", expected > 0");
}

}  // namespace ntm_fast
