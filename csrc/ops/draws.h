#pragma once
// What the torch side of the gamma samplers shares: checks of alpha and seed.

#include <algorithm>
#include <atomic>
#include <limits>

#include "tensors.h"

namespace ntm_fast {

// Elements of one block: enough to hide its start, few enough to stay in the first cache.
constexpr int64_t gamma_block = 4096;

// Nanoseconds that an element of float or double takes.
template <class T>
constexpr double sample_ns = sizeof(T) == 4 ? 10 : 25;
template <class T>
constexpr double gradient_ns = sizeof(T) == 4 ? 6 : 14;

// The least position that any thread has found to be invalid.
class FirstInvalid {
 public:
  void record(int64_t position) {
    if (position < 0) return;
    int64_t known = position_.load();
    while (position < known && !position_.compare_exchange_weak(known, position)) {
    }
  }

  // Throws, naming the index and the value, if any was recorded. alpha is contiguous.
  template <class T>
  void check_none(const char* op, const Tensor& alpha) const {
    const int64_t position = position_.load();
    if (position == std::numeric_limits<int64_t>::max()) return;
    std::string index;
    int64_t rest = position;
    for (int64_t axis = alpha.dim() - 1; axis >= 0; --axis) {
      const std::string number = std::to_string(rest % alpha.size(axis));
      index = number + (index.empty() ? "" : ", " + index);
      rest /= alpha.size(axis);
    }
    check(false, op, ": alpha[", index, "] is ", data<T>(alpha)[position],
          ", expected positive and finite");
  }

 private:
  std::atomic<int64_t> position_{std::numeric_limits<int64_t>::max()};
};

inline void check_seed(const char* op, const Tensor& seed) {
  constexpr char expected[] = "expected a 0-dimensional int64 tensor";
  check(seed.defined(), op, ": seed is None, ", expected);
  check(seed.scalar_type() == ScalarType::Long && seed.dim() == 0, op, ": seed has shape ",
        shape(seed), " and dtype ", dtype(seed), ", ", expected);
}

inline uint64_t read_seed(const char* op, const Tensor& seed) {
  check_seed(op, seed);
  return uint64_t(*data<int64_t>(seed));
}

// A seed as a number, or where its device holds it: a kernel can read it there without a wait.
struct Seed {
  uint64_t number;
  const uint64_t* place;
};

inline Seed seed_beside(const char* op, const Tensor& seed, const Tensor& alpha) {
  check_seed(op, seed);
#ifndef NTM_FAST_CUDA_EMULATED
  if (seed.is_cpu()) return {read_seed(op, seed), nullptr};
#endif
  check_same_device(op, "seed", seed, "alpha", alpha);
  return {0, data<uint64_t>(seed)};
}

}  // namespace ntm_fast
