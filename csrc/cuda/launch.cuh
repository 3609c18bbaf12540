#pragma once
// How kernels are launched, by CUDA's runtime or by tests/kernels/cuda_emulation.

#include <cuda_runtime_api.h>
#include <stdint.h>

namespace ntm_fast {

#ifdef NTM_FAST_CUDA_EMULATED
constexpr bool emulated = true;
#else
constexpr bool emulated = false;
#endif

template <class T>
struct Exactly {
  using type = T;
};

// Queues kernel(args...) on a stream, with `shared` bytes of dynamic shared memory; returns a
// cudaError_t. A grid without blocks is no launch and no error.
template <class... Parameters>
int launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, void* stream,
           const typename Exactly<Parameters>::type&... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaSuccess;
#ifdef NTM_FAST_CUDA_EMULATED
  (void)stream;
  return cuda_emulation::launch(kernel, grid, block, shared, args...);
#else
  const void* const function = reinterpret_cast<const void*>(kernel);
  if (shared > 40 << 10) {  // with static shared memory it may pass 48 KiB
    constexpr auto most = cudaFuncAttributeMaxDynamicSharedMemorySize;
    const cudaError_t error = cudaFuncSetAttribute(function, most, int(shared));
    if (error != cudaSuccess) return error;
  }
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&args))...};
  const cudaError_t error =
      cudaLaunchKernel(function, grid, block, pointers, shared, static_cast<cudaStream_t>(stream));
  if (error != cudaSuccess) cudaGetLastError();  // returned here, so the next call must not find it
  return error;
#endif
}

// The launch's dynamic shared memory, aligned to 1024.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef NTM_FAST_CUDA_EMULATED
  return reinterpret_cast<T*>(cuda_emulation::dynamic_shared_memory);
#else
  extern __shared__ __align__(1024) unsigned char dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
#endif
}

// Fills memory on a stream; returns a cudaError_t.
inline int fill_bytes(void* to, int value, size_t bytes, void* stream) {
  if (bytes == 0) return cudaSuccess;  // an empty tensor's memory is null
  return cudaMemsetAsync(to, value, bytes, static_cast<cudaStream_t>(stream));
}

inline int64_t divide_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

// Blocks for n pieces of work where each block strides through them: no more than fill a GPU.
inline unsigned grid_of(int64_t pieces, int64_t most = 1 << 16) {
  return unsigned(pieces < most ? pieces : most);
}

}  // namespace ntm_fast
