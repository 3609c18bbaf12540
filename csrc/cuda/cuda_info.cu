#include <cuda_runtime_api.h>

#include "cuda_device.h"

namespace ntm_fast {

CudaInfo cuda_info() {
  CudaInfo info{};
  // Without a driver these return an error and leave the count alone: that is an answer too.
  cudaRuntimeGetVersion(&info.runtime_version);
  cudaDriverGetVersion(&info.driver_version);
  if (cudaGetDeviceCount(&info.devices) != cudaSuccess) info.devices = 0;
  cudaGetLastError();
  return info;
}

}  // namespace ntm_fast
