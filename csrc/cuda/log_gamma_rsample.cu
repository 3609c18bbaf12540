#include "log_gamma_rsample.h"

#include "cuda/gamma_draw.cuh"
#include "cuda/launch.cuh"

namespace ntm_fast {

namespace {

constexpr int threads = 256;

template <class T>
__global__ void __launch_bounds__(threads) draw(const LogGammaRsample<T> args, int64_t n) {
  const uint64_t seed = cuda::read_seed(args.seed_place, args.seed);
  const int64_t stride = int64_t(gridDim.x) * threads;
  for (int64_t i = int64_t(blockIdx.x) * threads + threadIdx.x; i < n; i += stride) {
    args.log_gamma[i] = cuda::log_gamma_draw(args.alpha[i], seed, uint64_t(i));
  }
}

}  // namespace

template <class T>
int queue(const LogGammaRsample<T>& args, int64_t n, void* stream) {
  return launch(draw<T>, grid_of(divide_up(n, threads)), threads, 0, stream, args, n);
}

template int queue(const LogGammaRsample<float>&, int64_t, void*);
template int queue(const LogGammaRsample<double>&, int64_t, void*);

}  // namespace ntm_fast
