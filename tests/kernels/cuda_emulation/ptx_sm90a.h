#pragma once
// The functions of csrc/cuda/ptx_sm90a.cuh. What is asynchronous happens as late as it may: a bulk
// copy when no thread can go on without it, a product at the wait for it. Until then what they
// write is NaN. Registers come and go as they like.

#include "ptx.h"

#define NTM_FAST_SM90A

namespace cuda_emulation {

// mbarrier object: arrivals that a phase needs, those still missing in this one, its parity, and
// the bytes still to come.
struct Barrier {
  uint32_t needed : 12, missing : 12, parity : 1, : 7;
  int32_t bytes;

  void settle() {
    if (missing > 0 || bytes != 0) return;
    missing = needed;
    parity ^= 1;
  }
  void arrive() {
    if (missing == 0) fail("mbarrier: more arrivals than its phase needs");
    --missing;
    settle();
  }
};
static_assert(sizeof(Barrier) == 8, "as large as on a GPU");

inline Barrier& barrier_at(uint64_t* place) {
  if (reinterpret_cast<uintptr_t>(place) % 8) fail("mbarrier: not aligned to 8");
  return *reinterpret_cast<Barrier*>(place);
}

}  // namespace cuda_emulation

namespace ntm_fast {
namespace cuda {

inline void mbarrier_init(uint64_t* barrier, int arrivals) {
  cuda_emulation::barrier_at(barrier) = {unsigned(arrivals), unsigned(arrivals), 0, 0};
}
inline void mbarrier_init_fence() {}
inline void mbarrier_arrive(uint64_t* barrier) { cuda_emulation::barrier_at(barrier).arrive(); }
inline void mbarrier_arrive_expecting(uint64_t* barrier, int bytes) {
  cuda_emulation::barrier_at(barrier).bytes += bytes;
  cuda_emulation::barrier_at(barrier).arrive();
}
inline void mbarrier_wait(uint64_t* barrier, int parity, int line = __builtin_LINE()) {
  const cuda_emulation::Barrier& object = cuda_emulation::barrier_at(barrier);
  const auto ended = [&object, parity] { return int(object.parity) != parity; };
  if (!ended()) cuda_emulation::wait_until(ended, line);
}

inline void bulk_copy(void* shared, const void* global, int bytes, uint64_t* barrier) {
  using namespace cuda_emulation;
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  if (!aligned(shared) || !aligned(global) || bytes % 16 || bytes <= 0) {
    fail("cp.async.bulk: an end or the size is not a multiple of 16");
  }
  memset(shared, 0xff, size_t(bytes));
  bulk_copies.push_back([=] {
    memcpy(shared, global, size_t(bytes));
    barrier_at(barrier).bytes -= bytes;
    barrier_at(barrier).settle();
  });
}

template <int>
inline void more_registers() {}
template <int>
inline void fewer_registers() {}

}  // namespace cuda
}  // namespace ntm_fast

namespace cuda_emulation {

// A matrix in shared memory by its descriptor, without a swizzle ("Canonical Layouts"): core
// matrices of 8 x 8 elements; `leading` is the way from one to the next along k, `stride` that
// across.
struct SharedMatrix {
  const unsigned char* start;
  uint64_t leading, stride;

  explicit SharedMatrix(uint64_t descriptor)
      : start(dynamic_shared_memory + ((descriptor & 0x3fff) << 4)),
        leading((descriptor >> 16 & 0x3fff) << 4),
        stride((descriptor >> 32 & 0x3fff) << 4) {
    if (descriptor & ~0x00003fff3fff3fffull) fail("wgmma: a descriptor with other bits set");
  }
  // Along its 16 bytes a row of a core matrix has 8 k, or else 8 of the other dimension.
  double at(int other, int k, bool k_in_rows) const {
    const int row = k_in_rows ? other % 8 : k % 8, column = k_in_rows ? k % 8 : other % 8;
    const unsigned char* const core = start + k / 8 * leading + other / 8 * stride;
    __nv_bfloat16 value;
    memcpy(&value, core + 16 * row + 2 * column, 2);
    return __bfloat162float(value);
  }
};

// Row of the warp and k of element i of a lane's registers a.
inline int row_of_a(int lane, int i) { return lane / 4 + 8 * (i / 2 % 2); }
inline int k_of_a(int lane, int i) { return 2 * (lane % 4) + i % 2 + 8 * (i / 4); }

inline void run_product(Thread* (&lanes)[32], size_t n) {
  const Product& first = lanes[0]->products[n];
  const int warp = int(lanes[0] - threads) / 32 % 4, columns = 8 * first.tiles;
  std::vector<double> a(16 * 16), b(16 * columns);
  for (int lane = 0; lane < 32; ++lane) {
    const Product& own = lanes[lane]->products[n];
    const bool same = own.b == first.b && own.a == first.a && own.tiles == first.tiles &&
                      !own.registers == !first.registers;
    if (!same || !own.committed) fail("wgmma: lanes differ, or the product is not committed");
    for (int i = 0; own.registers && i < 8; ++i) {
      a[row_of_a(lane, i) * 16 + k_of_a(lane, i)] = half_of(own.registers[i / 2], i % 2);
    }
  }
  for (int i = 0; !first.registers && i < 256; ++i) {
    a[i] = SharedMatrix(first.a).at(16 * warp + i / 16, i % 16, true);
  }
  const SharedMatrix shared(first.b);
  for (int i = 0; i < 16 * columns; ++i) {
    b[i] = shared.at(i % columns, i / columns, !first.registers);
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4 * first.tiles; ++i) {
      const int row = lane / 4 + 8 * (i / 2 % 2), column = 8 * (i / 4) + 2 * (lane % 4) + i % 2;
      float& d = lanes[lane]->products[n].d[i];
      double sum = d;
      for (int k = 0; k < 16; ++k) sum += a[row * 16 + k] * b[k * columns + column];
      d = float(sum);
    }
  }
}

inline void run_products(Lane* given, unsigned mask) {
  if (mask != ~0u) fail("wgmma needs all lanes of the warp");
  Thread* lanes[32];
  for (int lane = 0; lane < 32; ++lane) {
    lanes[lane] = static_cast<Thread*>(const_cast<void*>(given[lane].in));
    auto& products = lanes[lane]->products;
    if (products.size() != lanes[0]->products.size()) fail("wgmma: lanes differ");
    for (auto p = products.rbegin(); p != products.rend();
         ++p) {  // the first one's has the last word
      memcpy(p->d, p->before.data(), p->before.size() * sizeof(float));
    }
  }
  for (size_t n = 0; n < lanes[0]->products.size(); ++n) run_product(lanes, n);
  for (Thread* lane : lanes) lane->products.clear();
}

inline void start_product(float* d, int tiles, const uint32_t* registers, uint64_t a, uint64_t b) {
  Thread& thread = threads[current];
  if (!thread.fenced) fail("wgmma: no fence since registers may have been written");
  thread.products.push_back({d, registers, a, b, tiles, false, {}});
  thread.products.back().before.assign(d, d + 4 * tiles);
  ++thread.n_products;
}

}  // namespace cuda_emulation

namespace ntm_fast {
namespace cuda {

template <int TILES>
inline void wgmma_fence(float (&)[TILES][4]) {
  cuda_emulation::threads[cuda_emulation::current].fenced = true;
}
inline void wgmma_commit() {
  for (auto& product : cuda_emulation::threads[cuda_emulation::current].products) {
    product.committed = true;
    memset(product.d, 0xff, 16 * product.tiles);
  }
}
template <int TILES>
inline void wgmma_wait(float (&)[TILES][4], int line = __builtin_LINE()) {
  cuda_emulation::Thread& thread = cuda_emulation::threads[cuda_emulation::current];
  cuda_emulation::collective(~0u, line, cuda_emulation::run_products, &thread, nullptr);
  thread.fenced = false;
}
template <int TILES>
inline void wgmma_bf16(float (&d)[TILES][4], uint64_t a, uint64_t b) {
  static_assert(TILES == 8 || TILES == 16, "as there are instructions");
  cuda_emulation::start_product(d[0], TILES, nullptr, a, b);
}
template <int FIRST, int TILES>
inline void wgmma_bf16_rows(float (&d)[TILES][4], const uint32_t (&a)[4], uint64_t b) {
  static_assert(FIRST + 8 <= TILES, "tiles past the end");
  cuda_emulation::start_product(d[FIRST], 8, a, 0, b);
}

}  // namespace cuda
}  // namespace ntm_fast
