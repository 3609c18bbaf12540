#pragma once
// What the torch side of CUDA kernels shares: the device and its current stream, and what a failed
// launch says. A torch without CUDA loads this too: its symbols are looked up when first used.
//
// The dispatch key under which CUDA kernels are registered is a macro, so that the same code, with
// its kernels run by tests/cuda_emulation, can stand in for the CPU's.

#include <dlfcn.h>
#include <torch/csrc/stable/accelerator.h>

#include "cuda_info.h"
#include "tensors.h"

#ifdef NTM_FAST_CUDA_EMULATED
#define NTM_FAST_CUDA_KEY CPU
#else
#define NTM_FAST_CUDA_KEY CUDA
#endif

namespace ntm_fast {

#ifndef NTM_FAST_CUDA_EMULATED

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

#endif

// Makes the device of a tensor the current one while it lives; knows the stream to launch on.
class CudaScope {
 public:
#ifdef NTM_FAST_CUDA_EMULATED
  explicit CudaScope(const Tensor&) : stream_(nullptr) {}
#else
  explicit CudaScope(const Tensor& tensor)
      : guard_(device_of(tensor)), stream_(current_cuda_stream(tensor)) {}
#endif
  void* stream() const { return stream_; }

 private:
#ifndef NTM_FAST_CUDA_EMULATED
  static int32_t device_of(const Tensor& tensor) {
    check(tensor.is_cuda(), "the first tensor is on the CPU, others are on a CUDA device");
    return tensor.get_device_index();
  }
  torch::stable::accelerator::DeviceGuard guard_;
#endif
  void* stream_;
};

// Throws if a launch returned a cudaError_t other than 0.
inline void check_launch(const char* op, int error) {
  if (error == 0) return;
#ifdef NTM_FAST_CUDA_EMULATED
  const CudaInfo info{};
#else
  const CudaInfo info = cuda_info();
#endif
  std::ostringstream message;
  message << op << ": the CUDA launch failed with error " << error << " (driver "
          << info.driver_version << ", runtime " << info.runtime_version
          << "); a driver older than the runtime needs an update, another GPU a rebuild:"
             " NTM_FAST_CUDA=1 NTM_FAST_CUDA_ARCHS=<its number> pip install"
             " --no-build-isolation -e .";
  throw std::runtime_error(message.str());
}

// A tensor's device for as long as this lives, on which run() queues the kernel of its arguments:
// queue(args, n, stream) of the op's header, on n rows or elements. Its namesake of the CPU,
// `OnCpu` in <op>.cpp, may look at the tensors that are given too.
class OnCuda {
 public:
  OnCuda(const char* op, const Tensor& first) : op_(op), cuda_(first) {}

  template <class Args, class... Tensors>
  void run(const Args& args, int64_t n, const Tensors&...) const {
    check_launch(op_, queue(args, n, cuda_.stream()));
  }

 private:
  const char* op_;
  CudaScope cuda_;
};

}  // namespace ntm_fast
