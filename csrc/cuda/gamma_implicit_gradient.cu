#include "gamma_implicit_gradient.h"

#include "cuda/launch.cuh"
#include "math/gamma_gradient.h"

namespace ntm_fast {

namespace {

constexpr int threads = 256;

template <class T>
__global__ void __launch_bounds__(threads)
    implicit_gradient(const GammaImplicitGradient<T> args, int64_t n) {
  const int64_t stride = int64_t(gridDim.x) * threads;
  for (int64_t i = int64_t(blockIdx.x) * threads + threadIdx.x; i < n; i += stride) {
    const T gradient = cuda::gamma_implicit_gradient(args.alpha[i], args.log_x[i]);
    args.gradient[i] = args.scale ? args.scale[i] * gradient : gradient;
  }
}

}  // namespace

template <class T>
int queue(const GammaImplicitGradient<T>& args, int64_t n, void* stream) {
  return launch(implicit_gradient<T>, grid_of(divide_up(n, threads)), threads, 0, stream, args, n);
}

template int queue(const GammaImplicitGradient<float>&, int64_t, void*);
template int queue(const GammaImplicitGradient<double>&, int64_t, void*);

}  // namespace ntm_fast
