#include "dropout.h"

#include "cuda/gamma_draw.cuh"
#include "cuda/launch.cuh"
#include "math/philox.h"

namespace ntm_fast {

namespace {

constexpr int threads = 256, words = 4, lanes = int(dropout_chunk) / words;

// A thread has the elements whose words one call of Philox gives, 16 apart.
template <class T>
__global__ void __launch_bounds__(threads) mask(const Dropout<T> args, int64_t n) {
  constexpr uint64_t mask_half = 2;  // samplers use 0 and 1
  const uint64_t seed = cuda::read_seed(args.seed_place, args.seed);
  const int64_t stride = int64_t(gridDim.x) * threads;
  const int64_t counters = (n + dropout_chunk - 1) / dropout_chunk * lanes;
  for (int64_t c = int64_t(blockIdx.x) * threads + threadIdx.x; c < counters; c += stride) {
    const auto drawn = cuda::philox<uint64_t>(seed, uint64_t(c), args.stream, mask_half);
    const uint32_t word[words] = {uint32_t(drawn.w0), uint32_t(drawn.w1), uint32_t(drawn.w2),
                                  uint32_t(drawn.w3)};
    const int64_t first = c / lanes * dropout_chunk + c % lanes;
#pragma unroll
    for (int w = 0; w < words; ++w) {
      const int64_t i = first + w * lanes;
      if (i < n) args.to[i] = word[w] >= args.threshold ? args.from[i] * args.scale : T(0);
    }
  }
}

}  // namespace

template <class T>
int queue(const Dropout<T>& args, int64_t n, void* stream) {
  const int64_t blocks = divide_up(divide_up(n, dropout_chunk) * lanes, threads);
  return launch(mask<T>, grid_of(blocks), threads, 0, stream, args, n);
}

template int queue(const Dropout<float>&, int64_t, void*);
template int queue(const Dropout<double>&, int64_t, void*);

}  // namespace ntm_fast
