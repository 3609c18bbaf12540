#pragma once
// Threads of the CPU: work is cut into blocks of a fixed size, so that what a block computes, and
// with it every bit of the result, does not depend on the number of threads.

#include <torch/csrc/stable/ops.h>

#include <algorithm>

#include "ops/tensors.h"

namespace ntm_fast {

// Less work than this stays on the calling thread: waking another takes 20 to 100 us.
constexpr double worth_waking = 150e3;  // ns

// Runs f(begin, end) over [0, n) in blocks. ``work`` estimates the nanoseconds that all of it
// takes; small jobs run on the calling thread. f must not throw.
template <class F>
void parallel_blocks(int64_t n, int64_t block, double work, const F& f) {
  const int64_t blocks = (n + block - 1) / block;
  const auto some = [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) f(i * block, i + 1 == blocks ? n : (i + 1) * block);
  };
  if (blocks <= 1 || work < worth_waking) some(0, blocks);
  else torch::stable::parallel_for(0, blocks, 1, some);
}

// The same for work that is always worth the threads.
template <class F>
void parallel_blocks(int64_t n, int64_t block, const F& f) {
  parallel_blocks(n, block, worth_waking, f);
}

// The same with neighbouring blocks on different threads: the frequent words, which cost most,
// often stand together.
template <class F>
void parallel_scattered_blocks(int64_t n, int64_t block, double work, const F& f) {
  const int64_t blocks = (n + block - 1) / block;
  const int64_t threads = work < worth_waking ? 1 : torch::stable::get_num_threads();
  const int64_t stripes = std::min(blocks, threads);
  const auto stripe = [&](int64_t first, int64_t last) {
    for (int64_t s = first; s < last; ++s) {
      for (int64_t i = s; i < blocks; i += stripes) f(i * block, std::min(n, (i + 1) * block));
    }
  };
  if (stripes <= 1) stripe(0, stripes);
  else torch::stable::parallel_for(0, stripes, 1, stripe);
}

// Number of this thread inside parallel_blocks, below torch::stable::get_num_threads().
inline int64_t thread_index() {
  uint32_t index = 0;
  STABLE_TORCH_ERROR_CODE_CHECK(torch_get_thread_idx(&index));
  return index;
}

}  // namespace ntm_fast
