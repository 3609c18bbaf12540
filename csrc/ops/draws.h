#pragma once
// What the ops that draw random numbers share: seeds, and the gammas' timings and check of alpha.

#include <atomic>
#include <limits>

#include "ops/device.h"

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
    check(false, op, ": alpha[", index_of(alpha, position), "] is ", data<T>(alpha)[position],
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

// A seed as a number, or where its device holds it: a kernel can read it there without a wait.
struct Seed {
  uint64_t number;
  const uint64_t* place;
};

// For draws on the device of another argument, which may be a CUDA device where the seed is not.
inline Seed seed_beside(const char* op, const Tensor& seed, const char* other_name,
                        const Tensor& other) {
  check_seed(op, seed);
  if (!Cuda::holds(seed)) return {uint64_t(*data<int64_t>(seed)), nullptr};
  check_same_device(op, "seed", seed, other_name, other);
  return {0, data<uint64_t>(seed)};
}

}  // namespace ntm_fast
