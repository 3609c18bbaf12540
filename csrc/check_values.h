#pragma once
// Checks of every element of an input.

#include <algorithm>

#include "tensors.h"

namespace ntm_fast {

// In blocks without branches, each of which the compiler vectorises.
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

// All elements positive (infinity passes); values are those of tensor, made contiguous.
template <class T>
void check_positive(const char* op, const char* name, const Tensor& tensor, const T* values) {
  int64_t n = 1;
  for (int64_t i = 0; i < tensor.dim(); ++i) n *= tensor.size(i);
  if (all_good(values, n, [](T x) { return x > 0; })) return;
  const int64_t bad = std::find_if_not(values, values + n, [](T x) { return x > 0; }) - values;
  std::string index;
  for (int64_t axis = tensor.dim() - 1, rest = bad; axis >= 0; rest /= tensor.size(axis--)) {
    index = std::to_string(rest % tensor.size(axis)) + (index.empty() ? "" : ", " + index);
  }
  check(false, op, ": ", name, "[", index, "] is ", values[bad], ", expected > 0");
}

}  // namespace ntm_fast
