#pragma once
// The functions of csrc/cuda/ptx.cuh, with the fragments' layouts as the PTX ISA gives them
// (sections "Matrix fragments for mma.m16n8k16", ".m16n8k8", and "ldmatrix").

#include "cuda_bf16.h"

namespace cuda_emulation {

struct MmaOperands {
  uint32_t a[4], b[2];
  float c[4];
};

// One half of a register of two bfloat16.
inline double half_of(uint32_t pair, int which) {
  return __bfloat162float({static_cast<unsigned short>(pair >> 16 * which)});
}

inline void mma_m16n8k16(Lane* lanes, unsigned mask) {
  if (mask != ~0u) fail("mma needs all lanes of the warp");
  double a[16][16], b[16][8], c[16][8];
  for (int l = 0; l < 32; ++l) {
    const auto& in = *static_cast<const MmaOperands*>(lanes[l].in);
    const int group = l / 4, member = l % 4;
    for (int i = 0; i < 8; ++i) {
      a[group + 8 * (i / 2 % 2)][2 * member + i % 2 + 8 * (i / 4)] = half_of(in.a[i / 2], i % 2);
    }
    for (int i = 0; i < 4; ++i) {
      b[2 * member + i % 2 + 8 * (i / 2)][group] = half_of(in.b[i / 2], i % 2);
      c[group + 8 * (i / 2)][2 * member + i % 2] = in.c[i];
    }
  }
  for (int l = 0; l < 32; ++l) {
    float* out = static_cast<float*>(lanes[l].out);
    for (int i = 0; i < 4; ++i) {
      const int row = l / 4 + 8 * (i / 2), column = 2 * (l % 4) + i % 2;
      double sum = c[row][column];
      for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      out[i] = float(sum);
    }
  }
}

inline void mma_m16n8k8_tf32(Lane* lanes, unsigned mask) {
  if (mask != ~0u) fail("mma needs all lanes of the warp");
  const auto tf32 = [](uint32_t x) { return double(__uint_as_float(x & 0xffffe000)); };
  double a[16][8], b[8][8], c[16][8];
  for (int l = 0; l < 32; ++l) {
    const auto& in = *static_cast<const MmaOperands*>(lanes[l].in);
    const int group = l / 4, member = l % 4;
    for (int i = 0; i < 4; ++i) {
      a[group + 8 * (i % 2)][member + 4 * (i / 2)] = tf32(in.a[i]);
      c[group + 8 * (i / 2)][2 * member + i % 2] = in.c[i];
    }
    for (int i = 0; i < 2; ++i) b[member + 4 * i][group] = tf32(in.b[i]);
  }
  for (int l = 0; l < 32; ++l) {
    float* out = static_cast<float*>(lanes[l].out);
    for (int i = 0; i < 4; ++i) {
      const int row = l / 4 + 8 * (i / 2), column = 2 * (l % 4) + i % 2;
      double sum = c[row][column];
      for (int k = 0; k < 8; ++k) sum += a[row][k] * b[k][column];
      out[i] = float(sum);
    }
  }
}

struct SharedPlace {
  const void* address;
};

// Fails if lanes first ... first + count - 1, whose accesses of so many bytes are one step of the
// memory, need different words of one of its 32 banks.
inline void check_banks(const Lane* lanes, int first, int count, int bytes) {
  uintptr_t word_in[32] = {};
  for (int l = first; l < first + count; ++l) {
    const auto begin =
        reinterpret_cast<uintptr_t>(static_cast<const SharedPlace*>(lanes[l].in)->address);
    if (begin % bytes) fail("shared memory: an access not aligned to its size");
    for (uintptr_t word = begin / 4; word < (begin + bytes) / 4; ++word) {
      uintptr_t& known = word_in[word % 32];
      if (known && known != word) fail("shared memory: lanes meet in a bank");
      known = word;
    }
  }
}

template <bool TRANSPOSED>
void load_matrices(Lane* lanes, unsigned mask) {
  if (mask != ~0u) fail("ldmatrix needs all lanes of the warp");
  for (int matrix = 0; matrix < 4; ++matrix) check_banks(lanes, 8 * matrix, 8, 16);
  for (int l = 0; l < 32; ++l) {
    uint32_t* out = static_cast<uint32_t*>(lanes[l].out);
    for (int matrix = 0; matrix < 4; ++matrix) {
      const auto at = [&](int row, int column) {
        const void* address = static_cast<const SharedPlace*>(lanes[matrix * 8 + row].in)->address;
        return uint32_t(static_cast<const uint16_t*>(address)[column]);
      };
      const int i = l / 4, j = 2 * (l % 4);
      out[matrix] = TRANSPOSED ? at(j, i) | at(j + 1, i) << 16 : at(i, j) | at(i, j + 1) << 16;
    }
  }
}

inline void load_words(Lane* lanes, unsigned mask) {
  if (mask != ~0u) fail("load_shared needs all lanes of the warp");
  check_banks(lanes, 0, 32, 4);
  for (int l = 0; l < 32; ++l) {
    memcpy(lanes[l].out, static_cast<const SharedPlace*>(lanes[l].in)->address, 4);
  }
}

template <int N>
void copy_async(void* shared, const void* global, bool valid) {
  if (reinterpret_cast<uintptr_t>(shared) % N) fail("cp.async: target not aligned");
  if (valid && reinterpret_cast<uintptr_t>(global) % N) fail("cp.async: source not aligned");
  memset(shared, 0xff, N);
  threads[current].copies.back().push_back({shared, valid ? global : nullptr, N});
}

}  // namespace cuda_emulation

namespace ntm_fast {
namespace cuda {

// An address in the dynamic shared memory, and what is there.
inline uint32_t shared_address(const void* pointer) {
  const auto* const place = static_cast<const unsigned char*>(pointer);
  return uint32_t(place - cuda_emulation::dynamic_shared_memory);
}
inline const void* at_address(uint32_t address) {
  return cuda_emulation::dynamic_shared_memory + address;
}

inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     int line = __builtin_LINE()) {
  cuda_emulation::MmaOperands in;
  memcpy(in.a, a, sizeof a), memcpy(in.b, b, sizeof b), memcpy(in.c, d, sizeof d);
  cuda_emulation::collective(~0u, line, cuda_emulation::mma_m16n8k16, &in, d);
}
inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     int line = __builtin_LINE()) {
  cuda_emulation::MmaOperands in;
  memcpy(in.a, a, sizeof a), memcpy(in.b, b, sizeof b), memcpy(in.c, d, sizeof d);
  cuda_emulation::collective(~0u, line, cuda_emulation::mma_m16n8k8_tf32, &in, d);
}
template <bool TRANSPOSED>
inline void load_matrices(uint32_t (&to)[4], const void* row, int line) {
  const cuda_emulation::SharedPlace in{row};
  cuda_emulation::collective(~0u, line, cuda_emulation::load_matrices<TRANSPOSED>, &in, to);
}
inline void ldmatrix(uint32_t (&to)[4], const void* row, int line = __builtin_LINE()) {
  load_matrices<false>(to, row, line);
}
inline void ldmatrix_transposed(uint32_t (&to)[4], const void* row, int line = __builtin_LINE()) {
  load_matrices<true>(to, row, line);
}
inline void ldmatrix(uint32_t (&to)[4], uint32_t row, int line = __builtin_LINE()) {
  load_matrices<false>(to, at_address(row), line);
}
inline void ldmatrix_transposed(uint32_t (&to)[4], uint32_t row, int line = __builtin_LINE()) {
  load_matrices<true>(to, at_address(row), line);
}

inline uint32_t load_shared(uint32_t from, int line = __builtin_LINE()) {
  const cuda_emulation::SharedPlace in{at_address(from)};
  uint32_t word;
  cuda_emulation::collective(~0u, line, cuda_emulation::load_words, &in, &word);
  return word;
}

inline void cp_async_16(void* shared, const void* global, bool valid = true) {
  cuda_emulation::copy_async<16>(shared, global, valid);
}
inline void cp_async_4(void* shared, const void* global, bool valid = true) {
  cuda_emulation::copy_async<4>(shared, global, valid);
}
inline void cp_async_commit() {
  cuda_emulation::threads[cuda_emulation::current].copies.emplace_back();
}
template <int PENDING>
inline void cp_async_wait() {
  auto& groups = cuda_emulation::threads[cuda_emulation::current].copies;
  while (groups.size() > PENDING + 1) {  // the last one is not committed yet
    for (const cuda_emulation::Copy& copy : groups.front()) {
      if (copy.from) memcpy(copy.to, copy.from, copy.bytes);
      else memset(copy.to, 0, copy.bytes);
    }
    groups.erase(groups.begin());
  }
}

inline uint32_t pack_bf16(float low, float high) {
  return __float2bfloat16_rn(low).bits | uint32_t(__float2bfloat16_rn(high).bits) << 16;
}
inline uint32_t to_tf32(float x) {  // round to nearest, ties away
  const uint32_t bits = __float_as_uint(x);
  return x != x ? 0x7fffffff : (bits + 0x1000) & 0xffffe000;
}
inline float fast_exp2(float x) {
  const float y = exp2f(x);
  return y < 0x1p-126f ? 0.f : y;
}

}  // namespace cuda
}  // namespace ntm_fast
