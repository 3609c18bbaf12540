#pragma once
// The threads of a block as fibers, for cuda_emulation.h: what each of them is, how they take
// turns, and what they wait for.

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace cuda_emulation {

struct Copy {
  void* to;
  const void* from;  // null for zeros
  size_t bytes;
};

// What a lane brings to a collective; `run` is done once, with all lanes of the mask.
struct Lane {
  const void* in;
  void* out;
};
using Collective = void (*)(Lane* lanes, unsigned mask);

// A product by a warpgroup (ptx_sm90a.h): d += a b, with a in registers or by its descriptor.
struct Product {
  float* d;
  const uint32_t* registers;
  uint64_t a, b;
  int tiles;
  bool committed;
  std::vector<float> before;
};

struct Thread {
  enum State { ready, at_barrier, at_collective, at_condition, ended };
  ucontext_t entry;
  void* place[5];  // of __builtin_setjmp, which takes no time
  bool prepared = false, started = false;
  State state = ready;
  int line = 0;
  unsigned mask = 0;
  Collective run = nullptr;
  Lane lane{};
  bool predicate = false;
  std::vector<std::vector<Copy>> copies{1};  // asynchronous, by group
  std::function<bool()> condition;
  std::vector<Product> products;
  bool fenced = false;
  long n_products = 0;
};

constexpr size_t stack_bytes = 256 << 10;
constexpr int max_threads = 1024;

inline Thread* threads = nullptr;
inline char* stacks = nullptr;
inline int current = 0, n_threads = 0;
// 99 KiB are those of the least of these GPUs.
inline const size_t most_shared =
    (getenv("CUDA_EMULATION_SHARED_KIB") ? atoi(getenv("CUDA_EMULATION_SHARED_KIB")) : 99) * 1024;
inline int order = getenv("CUDA_EMULATION_ORDER") ? atoi(getenv("CUDA_EMULATION_ORDER")) : 0;
inline void* scheduler[5];
inline jmp_buf launcher;
inline std::function<void()> body;
inline std::string message;
inline unsigned char* dynamic_shared_memory = nullptr;
inline std::vector<std::function<void()>> bulk_copies;  // that are under way

[[noreturn]] inline void fail(const std::string& what) {
  message = what + " (thread " + std::to_string(current) + " of block " +
            std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + ", " +
            std::to_string(blockIdx.z) + ")";
  _longjmp(launcher, 1);
}

#define CUDA_EMULATION_SWITCH __attribute__((noinline, no_sanitize_address))

CUDA_EMULATION_SWITCH inline void go(void** place) { __builtin_longjmp(place, 1); }

CUDA_EMULATION_SWITCH inline void wait() {
  if (!__builtin_setjmp(threads[current].place)) go(scheduler);
}

inline void fiber() {
  for (;;) {
    body();
    threads[current].state = Thread::ended;
    wait();
  }
}

CUDA_EMULATION_SWITCH inline void resume(int i) {
  Thread& thread = threads[i];
  current = i;
  threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
  if (__builtin_setjmp(scheduler)) return;
  if (thread.started) go(thread.place);
  thread.started = true;
  setcontext(&thread.entry);
}

inline void prepare_fibers() {
  if (!threads) {
    threads = new Thread[max_threads];
    stacks = static_cast<char*>(mmap(nullptr, max_threads * stack_bytes, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  }
  for (int i = 0; i < n_threads; ++i) {
    if (std::exchange(threads[i].prepared, true)) continue;
    getcontext(&threads[i].entry);
    threads[i].entry.uc_stack.ss_sp = stacks + i * stack_bytes;
    threads[i].entry.uc_stack.ss_size = stack_bytes;
    threads[i].entry.uc_link = nullptr;
    makecontext(&threads[i].entry, fiber, 0);
  }
}

// Waits for the lanes of the mask; the last to come has run() done for all of them.
inline void collective(unsigned mask, int line, Collective run, const void* in, void* out) {
  Thread& thread = threads[current];
  thread.mask = mask;
  thread.line = line;
  thread.run = run;
  thread.lane = {in, out};
  thread.state = Thread::at_collective;
  wait();
}

// Waits until condition(), which changes nothing, is true.
inline void wait_until(std::function<bool()> condition, int line) {
  threads[current].condition = std::move(condition);
  threads[current].line = line;
  threads[current].state = Thread::at_condition;
  wait();
}

inline void barrier(int line) {
  threads[current].line = line;
  threads[current].state = Thread::at_barrier;
  wait();
}

}  // namespace cuda_emulation
