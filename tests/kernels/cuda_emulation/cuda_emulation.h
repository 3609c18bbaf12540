#pragma once
// Runs CUDA kernels on the host, to find their mistakes where there is no GPU: a .cu file of this
// project compiles as C++ with -D__CUDACC__ -DNTM_FAST_CUDA_EMULATED -include cuda_emulation.h.
//
// Blocks run one after another. The threads of a block are fibers that run one at a time until each
// waits, at a block barrier or a warp collective, or ends; only then are those waited for
// completed. A launch fails, with a message in emulation_message(), when
//   - threads wait at different barriers, or for lanes that have ended or wait elsewhere,
//   - a kernel writes past its dynamic shared memory,
//   - lanes meet in a bank of it, by the loads that ptx.h has.
// Shared memory is full of NaN (0xff bytes) when a block begins, so what is read before it is
// written shows; so is the target of an asynchronous copy until it is waited for. The order in
// which threads and blocks run is that of emulation_set_order, or of CUDA_EMULATION_ORDER in the
// environment: results that change with it are races.
// Compile with -fsanitize=address,alignment for accesses out of bounds and misaligned ones.

#include <link.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <string>
#include <utility>
#include <vector>

#define __host__
#define __device__
#define __global__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __constant__
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
// Blocks run one at a time, so that one copy per kernel will do; see poison_shared.
#define __shared__ static thread_local

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
constexpr int warpSize = 32;

#include "fibers.h"

namespace cuda_emulation {

inline thread_local char anchor;

// Static shared variables are this module's thread-local memory; all of it is filled with NaN.
inline void poison_shared() {
  static char* begin = nullptr;
  static size_t size = 0;
  static bool found = false;
  if (!found) {
    found = true;
    *const_cast<volatile char*>(&anchor) = 0;  // until it is used the memory does not exist
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void*) {
          const auto address = reinterpret_cast<uintptr_t>(&found) - info->dlpi_addr;
          bool own = false;
          for (int i = 0; i < info->dlpi_phnum; ++i) {
            const auto& header = info->dlpi_phdr[i];
            own |= header.p_type == PT_LOAD && address - header.p_vaddr < header.p_memsz;
          }
          for (int i = 0; own && i < info->dlpi_phnum; ++i) {
            if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
            begin = static_cast<char*>(info->dlpi_tls_data);
            size = info->dlpi_phdr[i].p_memsz;
          }
          return own ? 1 : 0;
        },
        nullptr);
  }
  if (begin) memset(begin, 0xff, size);
}

// 0: first to last; 1: last to first; more: mixed up
inline int64_t ordered(int64_t i, int64_t n) {
  if (order == 0) return i;
  if (order == 1) return n - 1 - i;
  int64_t step = 7919 + 2 * order;
  while (n % step == 0 || step % 2 == 0 || step % 3 == 0 || step % 5 == 0) ++step;
  int64_t a = step, b = n;
  while (b) std::swap(a %= b, b);
  return a == 1 ? i * step % n : n - 1 - i;
}

// Completes the collectives; if there are none, the barrier that threads wait for; if not all wait
// there, one of the bulk copies under way.
inline void release() {
  bool released = false;
  for (int first = 0; first < n_threads; first += warpSize) {
    for (int i = first; i < first + warpSize && i < n_threads; ++i) {
      Thread& leader = threads[i];
      if (leader.state != Thread::at_collective) continue;
      Lane lanes[warpSize];
      bool all = true;
      for (int l = 0; l < warpSize; ++l) {
        if (!(leader.mask >> l & 1)) continue;
        const bool exists = first + l < n_threads;
        const Thread& other = threads[exists ? first + l : i];
        current = i;
        if (!exists || other.state == Thread::ended) {
          fail("line " + std::to_string(leader.line) + ": waits for lane " + std::to_string(l) +
               ", which has ended or does not exist");
        }
        all &= other.state == Thread::at_collective && other.mask == leader.mask &&
               other.line == leader.line && other.run == leader.run;
        lanes[l] = other.lane;
      }
      if (!(leader.mask >> (i - first) & 1)) fail("a lane is not in its own mask");
      if (!all) continue;
      if (leader.run) leader.run(lanes, leader.mask);
      for (int l = 0; l < warpSize; ++l) {
        if (leader.mask >> l & 1) threads[first + l].state = Thread::ready;
      }
      released = true;
    }
  }
  if (released) return;
  int line = 0;
  bool any = false;
  std::string where;
  for (int i = 0; i < n_threads; ++i) {
    const Thread& thread = threads[i];
    if (thread.state == Thread::ended) continue;
    const bool same = thread.state == Thread::at_barrier && (!line || thread.line == line);
    if (!same && where.empty()) {
      current = i;
      where = "threads wait at different places: line " + std::to_string(thread.line) +
              (thread.state == Thread::at_collective  ? " (warp)"
               : thread.state == Thread::at_condition ? " (condition)"
                                                      : "") +
              (line ? ", line " + std::to_string(line) : "");
    }
    line = thread.line;
  }
  if (!where.empty() && !bulk_copies.empty()) {
    const auto copy = bulk_copies.begin() + ordered(0, int64_t(bulk_copies.size()));
    const auto complete = *copy;
    bulk_copies.erase(copy);
    complete();
    return;
  }
  if (!where.empty()) fail(where);
  for (int i = 0; i < n_threads; ++i) any |= threads[i].predicate;
  for (int i = 0; i < n_threads; ++i) {
    if (threads[i].state == Thread::at_barrier) threads[i].state = Thread::ready;
    threads[i].predicate = any;
  }
}

inline void run_block(size_t shared) {
  constexpr size_t margin = 1024;
  poison_shared();
  std::vector<unsigned char> memory(shared + 2 * margin, 0xff);
  auto aligned = reinterpret_cast<uintptr_t>(memory.data()) + margin - 1;
  dynamic_shared_memory = reinterpret_cast<unsigned char*>(aligned / margin * margin);
  for (int i = 0; i < n_threads; ++i) {
    threads[i].state = Thread::ready;
    threads[i].copies.assign(1, {});
    threads[i].products.clear();
    threads[i].fenced = false;
    threads[i].n_products = 0;
  }
  bulk_copies.clear();
  for (;;) {
    bool progress = false, left = false;
    for (int n = 0; n < n_threads; ++n) {
      const int i = int(ordered(n, n_threads));
      if (threads[i].state == Thread::at_condition && threads[i].condition()) {
        threads[i].state = Thread::ready;
      }
      if (threads[i].state == Thread::ready) {
        resume(i);
        progress = true;
      }
      left |= threads[i].state != Thread::ended;
    }
    if (!left) break;
    if (!progress) release();
  }
  if (!bulk_copies.empty()) fail("the block has ended before a bulk copy");
  for (int i = 0; i < n_threads; ++i) {
    current = i;
    if (!threads[i].products.empty()) fail("a thread has ended before its products");
    if (threads[i].n_products != threads[i / 128 * 128].n_products) {
      fail("a warp lacks a product of its warpgroup");
    }
  }
  const unsigned char* const end = memory.data() + memory.size();
  for (const unsigned char* p = memory.data(); p < end; ++p) {
    if (p == dynamic_shared_memory) p += shared;
    if (p < end && *p != 0xff) fail("a write past the dynamic shared memory");
  }
}

inline int run_grid(dim3 grid, dim3 block, size_t shared) {
  gridDim = grid;
  blockDim = block;
  n_threads = int(block.x * block.y * block.z);
  blockIdx = {0, 0, 0};
  message.clear();
  const bool possible = n_threads > 0 && n_threads <= max_threads && grid.x > 0 && grid.y > 0 &&
                        grid.z > 0 && grid.y < 65536 && grid.z < 65536 && grid.x < 1u << 31 &&
                        shared <= most_shared;
  if (!possible) return 9;  // cudaErrorInvalidConfiguration
  prepare_fibers();
  if (_setjmp(launcher)) {
    for (int i = 0; i < n_threads; ++i) threads[i].prepared = threads[i].started = false;
    fprintf(stderr, "cuda_emulation: %s\n", message.c_str());
    return 719;  // cudaErrorLaunchFailure
  }
  const int64_t blocks = int64_t(grid.x) * grid.y * grid.z;
  for (int64_t n = 0; n < blocks; ++n) {
    const int64_t i = ordered(n, blocks);
    blockIdx = {unsigned(i % grid.x), unsigned(i / grid.x % grid.y),
                unsigned(i / (int64_t(grid.x) * grid.y))};
    run_block(shared);
  }
  return 0;
}

template <class... P, class... A>
int launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, A... args) {
  body = [&] { kernel(args...); };
  return run_grid(grid, block, shared);
}

}  // namespace cuda_emulation

extern "C" {
// What the last launch that failed has to say; "" if none did.
inline __attribute__((used, visibility("default"))) const char* emulation_message() {
  return cuda_emulation::message.c_str();
}
inline __attribute__((used, visibility("default"))) void emulation_set_order(int order) {
  cuda_emulation::order = order;
}
}

#include "intrinsics.h"
#include "ptx.h"
#include "ptx_sm90a.h"
