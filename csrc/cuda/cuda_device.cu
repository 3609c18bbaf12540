// What is there of CUDA, and the notes that kernels leave of bad values.

#include "cuda_device.h"

#include <cuda_runtime_api.h>

namespace ntm_fast {

namespace {

// Once they are there, they stay: kernels may still be writing when the process ends.
uint64_t* all_notes = nullptr;

uint64_t* make_notes() {
  void* memory = nullptr;
  const unsigned flags = cudaHostAllocMapped | cudaHostAllocPortable;
  if (cudaHostAlloc(&memory, sizeof(uint64_t) * size_t(NotingOp::count), flags) != cudaSuccess) {
    cudaGetLastError();
    return nullptr;
  }
  for (int i = 0; i < int(NotingOp::count); ++i) static_cast<uint64_t*>(memory)[i] = 0;
  __atomic_store_n(&all_notes, static_cast<uint64_t*>(memory), __ATOMIC_RELEASE);
  return static_cast<uint64_t*>(memory);
}

}  // namespace

CudaInfo cuda_info() {
  CudaInfo info{};
  // Without a driver these return an error and leave the count alone: that is an answer too.
  cudaRuntimeGetVersion(&info.runtime_version);
  cudaDriverGetVersion(&info.driver_version);
  if (cudaGetDeviceCount(&info.devices) != cudaSuccess) info.devices = 0;
  cudaGetLastError();
  return info;
}

uint64_t* device_notes(NotingOp op) {
  static uint64_t* const notes = make_notes();
  return notes ? notes + int(op) : nullptr;
}

uint64_t* device_notes_if_any(NotingOp op) {
  uint64_t* const notes = __atomic_load_n(&all_notes, __ATOMIC_ACQUIRE);
  return notes ? notes + int(op) : nullptr;
}

}  // namespace ntm_fast
