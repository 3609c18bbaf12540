#pragma once
// What the torch sides of bow_rows share, on every device: its arguments, checked.

#include <optional>
#include <utility>

#include "bow_rows.h"
#include "csr_checks.h"

namespace ntm_fast::bow_rows {

constexpr char op[] = "bow_rows";

inline void check_shape(const char* name, const Tensor& tensor, const char* expected) {
  check(tensor.dim() == 1, op, ": ", name, " has shape ", shape(tensor), ", expected ", expected);
}

inline void check_arguments(const Tensor& indptr, const Tensor& indices, const Tensor& counts,
                            const Tensor& rows, std::optional<int64_t> wanted) {
  check_shape("indptr", indptr, "[D + 1]");
  check_shape("indices", indices, "[N]");
  check_shape("counts", counts, "[N]");
  check_shape("rows", rows, "[B]");
  for (const auto& [name, tensor] : {std::pair{"indptr", &indptr}, {"rows", &rows}}) {
    check(is_integer(*tensor), op, ": ", name, " must be int32 or int64, got ", dtype(*tensor));
  }
  const int64_t nonzeros = indices.size(0), size = wanted.value_or(0);
  check(indptr.size(0) > 0, op, ": indptr is empty, expected [D + 1] elements");
  check(counts.size(0) == nonzeros, op, ": counts has ", counts.size(0), " elements, expected ",
        nonzeros, ", as many as indices");
  check(size >= 0 && (rows.size(0) > 0 || size == 0), op, ": nonzeros is ", size, ", expected ",
        rows.size(0) > 0 ? "at least " : "", 0);
}

}  // namespace ntm_fast::bow_rows
