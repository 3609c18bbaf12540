#pragma once

namespace ntm_fast {

// Versions as CUDA counts them (13000 is 13.0); 0 where there is none.
struct CudaInfo {
  int runtime_version;  // of the runtime linked in
  int driver_version;   // the newest runtime that the installed driver can serve
  int devices;
};

// Defined in csrc/cuda/cuda_info.cu, which is compiled only with nvcc at hand.
CudaInfo cuda_info();

}  // namespace ntm_fast
