// Kernels, most of them wrong, that show what the emulator finds; see test_self_check.py.

#include "cuda/launch.cuh"
#include "cuda/ptx.cuh"
#include "cuda/ptx_sm90a.cuh"

namespace {

using namespace ntm_fast;
using namespace ntm_fast::cuda;

// out[i] = the sum of the block's numbers 0 ... blockDim - 1
__global__ void right(float* out) {
  __shared__ float partial[8];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float sum = float(threadIdx.x);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (lane == 0) partial[warp] = sum;
  __syncthreads();
  sum = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) sum += partial[w];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

__global__ void divergent_barrier(float* out) {
  if (threadIdx.x < 40) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}

__global__ void lane_has_ended(float* out) {
  if (threadIdx.x == 3) return;
  out[threadIdx.x] = __shfl_sync(~0u, 1.f, 0);
}

__global__ void uninitialised(float* out) {
  __shared__ float values[64];
  if (threadIdx.x != 5) values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

__global__ void race(float* out) {
  __shared__ float last;
  last = float(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = last;
}

__global__ void past_the_end(float* out) {
  float* memory = dynamic_shared<float>();
  memory[threadIdx.x + 1] = 1;
  out[threadIdx.x] = 1;
}

__global__ void no_wait(float* out, const float* in, int wait) {
  float* memory = dynamic_shared<float>();
  cp_async_4(memory + threadIdx.x, in + threadIdx.x);
  cp_async_commit();
  if (wait) cp_async_wait<0>();
  __syncthreads();
  out[threadIdx.x] = memory[threadIdx.x ^ 1];
}

// Rows of 128 bytes, those of ldmatrix in one column of 16 bytes, those of the words two apart.
template <bool MATRIX>
__global__ void bank_conflict(float* out) {
  uint32_t* const rows = dynamic_shared<uint32_t>();
  const int lane = threadIdx.x % 32;
  for (int i = threadIdx.x; i < 256; i += blockDim.x) rows[i] = 0;
  __syncthreads();
  uint32_t to[4];
  if (MATRIX) ldmatrix(to, rows + lane % 8 * 32);
  else to[0] = load_shared(shared_address(rows + lane % 4 * 64 + lane / 4));
  out[threadIdx.x] = float(to[0]);
}

// c [16, 8] = a [16, 16] b [16, 8] in one product of bfloat16, by ldmatrix
__global__ void halves(float* c, const float* a, const float* b) {
  __shared__ __align__(16) uint16_t left[16][24], right[16][8];
  const int lane = threadIdx.x, g = lane / 4, m = lane % 4;
  const auto narrow = [](float x) { return uint16_t(pack_bf16(x, 0)); };
  for (int i = lane; i < 256; i += 32) left[i / 16][i % 16] = narrow(a[i]);
  for (int i = lane; i < 128; i += 32) right[i / 8][i % 8] = narrow(b[i]);
  __syncwarp();
  uint32_t fa[4], both[4];
  ldmatrix(fa, &left[lane % 8 + 8 * (lane / 8 % 2)][8 * (lane / 16)]);
  ldmatrix_transposed(both, &right[lane % 16][0]);
  const uint32_t fb[2] = {both[0], both[1]};
  float d[4] = {};
  mma_bf16(d, fa, fb);
  for (int i = 0; i < 4; ++i) c[(g + 8 * (i / 2)) * 8 + 2 * m + i % 2] = d[i];
}

// c [16, 8] = a [16, 8] b [8, 8]
__global__ void tf32(float* c, const float* a, const float* b) {
  const int g = threadIdx.x / 4, m = threadIdx.x % 4;
  const uint32_t fa[4] = {to_tf32(a[g * 8 + m]), to_tf32(a[(g + 8) * 8 + m]),
                          to_tf32(a[g * 8 + m + 4]), to_tf32(a[(g + 8) * 8 + m + 4])};
  const uint32_t fb[2] = {to_tf32(b[m * 8 + g]), to_tf32(b[(m + 4) * 8 + g])};
  float d[4] = {};
  mma_tf32(d, fa, fb);
  for (int i = 0; i < 4; ++i) c[(g + 8 * (i / 2)) * 8 + 2 * m + i % 2] = d[i];
}

enum Mistake { none, no_wait_for_copies, no_fence, no_wait_for_products, no_copies };

// c [64, 64] = a [64, 16] b, both in core matrices; b as [64, 16] or, with a from registers, [16,
// 64]
__global__ void warpgroup(float* c, const uint16_t* a, const uint16_t* b, int registers,
                          int mistake) {
  uint16_t *const left = dynamic_shared<uint16_t>(), *const right = left + 64 * 16;
  auto* const barrier = reinterpret_cast<uint64_t*>(right + 64 * 16);
  if (threadIdx.x == 0) {
    mbarrier_init(barrier, 1);
    mbarrier_init_fence();
  }
  __syncthreads();
  if (threadIdx.x == 0 && mistake != no_copies) {
    mbarrier_arrive_expecting(barrier, 4 * 64 * 16);
    bulk_copy(left, a, 2 * 64 * 16, barrier);
    bulk_copy(right, b, 2 * 64 * 16, barrier);
  }
  if (mistake != no_wait_for_copies) mbarrier_wait(barrier, 0);
  const int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane / 4, m = lane % 4;
  uint32_t own[4];
  for (int q = 0; q < 4; ++q) {  // rows row and row + 8, 2 m and the next of 8 columns
    const uint16_t* const core = left + ((row + q % 2 * 8) / 8 * 2 + q / 2) * 64 + row % 8 * 8;
    memcpy(own + q, core + 2 * m, 4);
  }
  float d[8][4] = {};
  if (mistake != no_fence) wgmma_fence(d);
  if (registers) wgmma_bf16_rows<0>(d, own, matrix_descriptor(right, 8 * 128, 128));
  else wgmma_bf16(d, matrix_descriptor(left, 128, 256), matrix_descriptor(right, 128, 256));
  wgmma_commit();
  if (mistake != no_wait_for_products) wgmma_wait(d);
  for (int i = 0; i < 32; ++i) {
    c[(row + i / 2 % 2 * 8) * 64 + i / 4 * 8 + 2 * m + i % 2] = d[i / 4][i % 4];
  }
  if (mistake == no_wait_for_copies) mbarrier_wait(barrier, 0);
  if (mistake == no_wait_for_products) wgmma_wait(d);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int run_warpgroup(float* c, const uint16_t* a,
                                                                    const uint16_t* b,
                                                                    int registers, int mistake) {
  return launch(warpgroup, 1, 128, 4 * 64 * 16 + 8, nullptr, c, a, b, registers, mistake);
}

#define CHECK(kernel, shared)                                                      \
  extern "C" __attribute__((visibility("default"))) int run_##kernel(float* out) { \
    return launch(kernel, 1, 64, shared, nullptr, out);                            \
  }
#define CHECK_CONFLICT(name, matrix)                                             \
  extern "C" __attribute__((visibility("default"))) int run_##name(float* out) { \
    return launch(bank_conflict<matrix>, 1, 64, 1024, nullptr, out);             \
  }
CHECK_CONFLICT(conflict_of_matrix_rows, true)
CHECK_CONFLICT(conflict_of_words, false)
CHECK(right, 0)
CHECK(divergent_barrier, 0)
CHECK(lane_has_ended, 0)
CHECK(uninitialised, 0)
CHECK(race, 0)
CHECK(past_the_end, 64 * sizeof(float))

#define PRODUCT(name, kernel)                                                          \
  extern "C" __attribute__((visibility("default"))) int name(float* c, const float* a, \
                                                             const float* b) {         \
    return launch(kernel, 1, 32, 0, nullptr, c, a, b);                                 \
  }
PRODUCT(product_bf16, halves)
PRODUCT(product_tf32, tf32)

extern "C" __attribute__((visibility("default"))) int run_copy(float* out, const float* in,
                                                               int wait) {
  return launch(no_wait, 1, 64, 64 * sizeof(float), nullptr, out, in, wait);
}
