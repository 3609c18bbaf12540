#include "../gamma_implicit_gradient.h"

#include <cuda_runtime_api.h>

#include "../math/gamma_gradient.h"

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
int gamma_implicit_gradient_cuda(const GammaImplicitGradient<T>& args, int64_t n, void* stream) {
  if (n == 0) return cudaSuccess;
  const int64_t needed = (n + threads - 1) / threads;
  const unsigned blocks = unsigned(needed < 65536 ? needed : 65536);
  implicit_gradient<T><<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(args, n);
  return cudaGetLastError();
}

template int gamma_implicit_gradient_cuda(const GammaImplicitGradient<float>&, int64_t, void*);
template int gamma_implicit_gradient_cuda(const GammaImplicitGradient<double>&, int64_t, void*);

}  // namespace ntm_fast
