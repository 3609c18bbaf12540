#pragma once
// The devices that ops run on, Cpu and Cuda, and how one file registers an op for both of them.
//
// The functions of an op are templates of a Device, which they make of their first tensor. What
// only one device does is an overload by device, and a template of the element's type, so that a
// build without CUDA never instantiates it:
//
//   template <class T>
//   void run(const Cpu&, const Dropout<T>& args, int64_t n) { parallel_blocks(...); }
//
//   template <class Device>
//   Tensor forward(const Tensor& x, ...) {
//     const Device device(op, x);
//     ...
//     run(device, Dropout<T>{...}, n);  // on Cuda: queue(args, n, stream), see below
//   }
//
//   NTM_FAST_SCHEMAS(m) { m.def("dropout(Tensor x, ...) -> Tensor"); }
//   NTM_FAST_KERNELS(m) { m.impl("dropout", TORCH_BOX(&forward<Device>)); }
//
// An op that only the CPU has stands under `if constexpr (std::is_same_v<Device, Cpu>)`.
// This header alone knows whether the build has CUDA (setup.py defines NTM_FAST_CUDA_ARCHITECTURES)
// and whether it is for the emulator (tests/kernels/cuda_emulation defines NTM_FAST_CUDA_EMULATED).

#include <dlfcn.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>

#include <array>
#include <type_traits>

#include "ops/tensors.h"
#include "ops/threads.h"

// NTM_FAST_SCHEMAS(m) { ... } declares ops; NTM_FAST_KERNELS(m) { ... } registers their kernels for
// a Device. Each stands once in an op's file. The emulator's library is loaded beside the
// extension, which has the schemas, and its kernels take the place of the CPU's.
#if defined(NTM_FAST_CUDA_EMULATED)
#define NTM_FAST_SCHEMAS(m) [[maybe_unused]] static void declare_ops(Library& m)
#define NTM_FAST_REGISTER \
  STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { register_kernels<Cuda>(m); }
#else
#define NTM_FAST_SCHEMAS(m) STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m)
#ifdef NTM_FAST_CUDA_ARCHITECTURES
#define NTM_FAST_REGISTER                                                   \
  STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { register_kernels<Cpu>(m); } \
  STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CUDA, m) { register_kernels<Cuda>(m); }
#else
#define NTM_FAST_REGISTER \
  STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { register_kernels<Cpu>(m); }
#endif
#endif
#define NTM_FAST_KERNELS(m)                 \
  template <class Device>                   \
  static void register_kernels(Library& m); \
  NTM_FAST_REGISTER                         \
  template <class Device>                   \
  static void register_kernels(Library& m)

namespace ntm_fast {

using Library = torch::stable::detail::StableLibrary;

#define NTM_FAST_TEXT(x) #x
#define NTM_FAST_TEXT_OF(x) NTM_FAST_TEXT(x)
#ifdef NTM_FAST_CUDA_ARCHITECTURES
constexpr char cuda_architectures[] = NTM_FAST_TEXT_OF(NTM_FAST_CUDA_ARCHITECTURES);  // 80_90a
#else
constexpr char cuda_architectures[] = "";
#endif
#ifdef NTM_FAST_CUDA_EMULATED
constexpr bool emulates_cuda = true;
#else
constexpr bool emulates_cuda = false;
#endif
constexpr bool has_cuda = cuda_architectures[0] != '\0' || emulates_cuda;

class Cpu {
 public:
  Cpu(const char*, const Tensor&) {}
};

// torch's current CUDA stream on the tensor's device, as a cudaStream_t. A torch without CUDA loads
// this too: its symbols are looked up when first used.
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

// Throws, saying what a cudaError_t means for the user.
[[noreturn]] void launch_failed(const char* op, int error);

// The device of an op's first tensor, current as long as this lives, and the stream to launch on.
class Cuda {
 public:
  Cuda(const char* op, const Tensor& first)
      : op_(op), guard_(index_of(first)), stream_(stream_of(first)) {}

  void* stream() const { return stream_; }

  // Throws if a launcher returned a cudaError_t other than 0.
  void check_launch(int error) const {
    if (error != 0) launch_failed(op_, error);
  }

  // to = a b by torch, whose own products are the best there are: in the precision that torch is
  // set to, and in to's dtype under autocast too.
  void multiply(const Tensor& a, const Tensor& b, const Tensor& to) const {
    using torch::stable::detail::from;
    std::array<StableIValue, 3> stack{from(a), from(b), from(to)};
    STABLE_TORCH_ERROR_CODE_CHECK(
        torch_call_dispatcher("aten::mm", "out", stack.data(), TORCH_ABI_VERSION));
    torch::stable::detail::to<Tensor>(stack[0]);  // takes over what was returned
  }

  // Whether a tensor's values are where kernels on CUDA read them, not the host.
  static bool holds(const Tensor& tensor) { return emulates_cuda || !tensor.is_cpu(); }

 private:
  struct NoGuard {
    explicit NoGuard(int32_t) {}
  };
  using Guard = std::conditional_t<emulates_cuda, NoGuard, torch::stable::accelerator::DeviceGuard>;

  static int32_t index_of(const Tensor& tensor) {
    check(emulates_cuda || tensor.is_cuda(),
          "the first tensor is on the CPU, others are on a CUDA device");
    return emulates_cuda ? 0 : tensor.get_device_index();
  }
  static void* stream_of(const Tensor& tensor) {
    if constexpr (emulates_cuda) return nullptr;
    else return current_cuda_stream(tensor);
  }

  const char* op_;
  Guard guard_;
  void* stream_;
};

// Queues the kernel of its arguments, on n rows or elements: queue(args, n, stream) of the op's
// contract. Its overload for Cpu, in the op's file, may look at the tensors that are given too.
template <class Args, class... Tensors>
void run(const Cuda& cuda, const Args& args, int64_t n, const Tensors&...) {
  cuda.check_launch(queue(args, n, cuda.stream()));
}

// Throws std::invalid_argument if kernels on CUDA have noted a bad value (cuda_device.h), and
// forgets it. Does nothing in a build without CUDA.
void raise_device_errors();

// Whether an environment variable is 1.
bool is_asked_for(const char* variable);

}  // namespace ntm_fast
