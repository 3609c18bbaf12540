#pragma once
// The checks of a CSR batch that need none of its values.

#include <limits>
#include <optional>

#include "tensors.h"

namespace ntm_fast {

inline bool is_integer(const Tensor& tensor) {
  return tensor.scalar_type() == ScalarType::Int || tensor.scalar_type() == ScalarType::Long;
}

inline bool is_real(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case ScalarType::Byte:
    case ScalarType::Char:
    case ScalarType::Short:
    case ScalarType::Int:
    case ScalarType::Long:
    case ScalarType::Half:
    case ScalarType::BFloat16:
    case ScalarType::Float:
    case ScalarType::Double: return true;
    default: return false;
  }
}

inline void check_vector(const char* op, const char* name, const Tensor& tensor, bool type_ok,
                         const char* types) {
  check(type_ok, op, ": ", name, " must be ", types, ", got ", dtype(tensor));
  check(tensor.dim() == 1, op, ": ", name, " has shape ", shape(tensor), ", expected 1-D");
}

// Throws std::invalid_argument unless dtypes and sizes are those of a batch and below 2^31.
inline void check_csr(const char* op, const Tensor& indptr, const Tensor& indices,
                      const Tensor& counts, int64_t words) {
  constexpr int64_t index_limit = std::numeric_limits<int32_t>::max();
  check_same_device(op, "indices", indices, "indptr", indptr);
  check_same_device(op, "counts", counts, "indptr", indptr);
  check_vector(op, "indptr", indptr, is_integer(indptr), "int32 or int64");
  check_vector(op, "indices", indices, is_integer(indices), "int32 or int64");
  check_vector(op, "counts", counts, is_real(counts), "of a real dtype");
  const int64_t size = indptr.size(0), n = indices.size(0);
  check(size > 0, op, ": indptr is empty, expected [B + 1] elements");
  check(counts.size(0) == n, op, ": counts has ", counts.size(0), " elements, expected ", n,
        ", as many as indices");
  check(n <= index_limit && words <= index_limit && size <= index_limit, op, ": ", n, " nonzeros, ",
        words, " words and ", size - 1, " documents, expected less than 2^31 each");
}

// None, or where the indices in increasing order stand in the batch, equal ones as they do there.
using Order = std::optional<Tensor>;

inline void check_order(const char* op, const Order& order, const Tensor& indices) {
  if (!order) return;
  check_same_device(op, "order", *order, "indices", indices);
  check(order->scalar_type() == ScalarType::Long, op, ": order must be int64, got ", dtype(*order));
  check(order->dim() == 1 && order->size(0) == indices.size(0), op, ": order has shape ",
        shape(*order), ", expected that of indices, ", shape(indices));
}

}  // namespace ntm_fast
