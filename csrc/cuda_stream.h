#pragma once
// What the torch side of CUDA kernels shares: the current stream, and what a failed launch says.
// A torch without CUDA loads this too: its symbols are looked up when first used.

#include <dlfcn.h>
#include <torch/csrc/stable/accelerator.h>

#include "cuda_info.h"
#include "tensors.h"

namespace ntm_fast {

// torch's current CUDA stream on the tensor's device, as a cudaStream_t.
inline void* current_cuda_stream(const Tensor& tensor) {
  using Function = AOTITorchError (*)(int32_t, void**);
  static const Function function = [] {
    constexpr char name[] = "aoti_torch_get_current_cuda_stream";
    void* found = dlsym(RTLD_DEFAULT, name);
    if (found == nullptr) {
      void* library = dlopen("libtorch_cuda.so", RTLD_NOLOAD | RTLD_LAZY);
      if (library != nullptr) found = dlsym(library, name);
    }
    return reinterpret_cast<Function>(found);
  }();
  if (function == nullptr) throw std::runtime_error("this torch was built without CUDA");
  void* stream = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(function(tensor.get_device_index(), &stream));
  return stream;
}

// Throws if a launch returned a cudaError_t other than 0.
inline void check_launch(const char* op, int error) {
  if (error == 0) return;
  const CudaInfo info = cuda_info();
  std::ostringstream message;
  message << op << ": the CUDA launch failed with error " << error << " (driver "
          << info.driver_version << ", runtime " << info.runtime_version
          << "); a driver older than the runtime needs an update, another GPU a rebuild:"
             " NTM_FAST_CUDA=1 NTM_FAST_CUDA_ARCHS=<its number> pip install"
             " --no-build-isolation -e .";
  throw std::runtime_error(message.str());
}

}  // namespace ntm_fast
