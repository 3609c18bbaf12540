// The Python module ntm_fast._C: what was compiled in and what is in use; and torch's library of
// ops, to which each csrc/ops/<op>.cpp adds its own when the module is loaded.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <sstream>
#include <string>
#include <vector>

#include "bow_product_log_likelihood.h"
#include "cpu_level.h"
#include "cuda_device.h"
#include "ops/device.h"

STABLE_TORCH_LIBRARY(ntm_fast, m) {}

namespace py = pybind11;

namespace {

std::vector<std::string> compiled_cpu_levels() {
#if defined(__x86_64__)
  return {"baseline", "avx2", "avx512", "avx512_bf16", "amx"};
#else
  return {"baseline"};
#endif
}

std::vector<std::string> cuda_architectures() {
  std::vector<std::string> result;
  std::istringstream text(ntm_fast::cuda_architectures);
  for (std::string name; std::getline(text, name, '_');) result.push_back(name);
  return result;
}

py::dict cuda_info() {
  py::dict result;
  if constexpr (ntm_fast::has_cuda) {
    const ntm_fast::CudaInfo info = ntm_fast::cuda_info();
    result["runtime_version"] = info.runtime_version;
    result["driver_version"] = info.driver_version;
    result["devices"] = info.devices;
  }
  return result;
}

int64_t bow_product_kept_bytes(bool cpu, int64_t documents, int64_t topics, int64_t words,
                               int64_t element_bytes) {
  using namespace ntm_fast;
  if (!cpu) return bow_product_kept_numbers(documents, topics) * element_bytes;
  return element_bytes == 4 ? BowProductKept<float>(documents, words).bytes()
                            : BowProductKept<double>(documents, words).bytes();
}

}  // namespace

PYBIND11_MODULE(_C, m) {
  m.doc() = "Compiled kernels of ntm_fast; the ops are in torch.ops.ntm_fast.";
  // Throws at import if NTM_FAST_CPU names a level that cannot be had.
  ntm_fast::cpu_level();
  m.def(
      "cpu_level", [] { return ntm_fast::cpu_level_name(ntm_fast::cpu_level()); },
      "Instruction set of the kernels in use.");
  m.def(
      "widest_cpu_level", [] { return ntm_fast::cpu_level_name(ntm_fast::widest_cpu_level()); },
      "Widest instruction set that this machine supports.");
  m.def("compiled_cpu_levels", &compiled_cpu_levels, "Instruction sets that were compiled in.");
  m.def(
      "matmul_path",
      [](int64_t precision) {
        return ntm_fast::matmul_path_name(ntm_fast::matmul_path(precision));
      },
      "How float32 matrix products are computed at a precision: 0 highest, 1 high, 2 medium.");
  m.def("cuda_architectures", &cuda_architectures,
        "CUDA architectures that were compiled in; empty without CUDA.");
  m.def("cuda_info", &cuda_info,
        "CUDA runtime and driver versions and device count; empty without CUDA.");
  m.def("bow_product_kept_bytes", &bow_product_kept_bytes,
        "Bytes that the forward of bow_product_log_likelihood keeps for its backward.");
  m.def("raise_device_errors", &ntm_fast::raise_device_errors,
        "Raises ValueError if CUDA kernels have found a bad value since the last call.");
}
