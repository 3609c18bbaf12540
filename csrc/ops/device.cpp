#include "ops/device.h"

#include <cstdlib>

#include "cuda_device.h"

namespace ntm_fast {

namespace {

// All zero without CUDA's runtime.
CudaInfo known_versions() {
  if constexpr (has_cuda && !emulates_cuda) return cuda_info();
  else return {};
}

// Where an op's notes are; null if it has left none, or the build has no CUDA.
volatile uint64_t* notes_of(NotingOp op) {
  if constexpr (has_cuda) return device_notes_if_any(op);
  else return nullptr;
}

}  // namespace

void launch_failed(const char* op, int error) {
  const CudaInfo info = known_versions();
  std::ostringstream message;
  message << op << ": the CUDA launch failed with error " << error << " (driver "
          << info.driver_version << ", runtime " << info.runtime_version
          << "); a driver older than the runtime needs an update, another GPU a rebuild:"
             " NTM_FAST_CUDA=1 NTM_FAST_CUDA_ARCHS=<its number> pip install"
             " --no-build-isolation -e .";
  throw std::runtime_error(message.str());
}

void raise_device_errors() {
  constexpr const char* ops[] = {"bow_linear", "bow_mixture_log_likelihood",
                                 "bow_mixture_proportions", "bow_product_log_likelihood",
                                 "bow_rows"};
  constexpr const char* arguments[] = {"",     "indptr",   "indices", "counts",
                                       "rows", "nonzeros", "order"};
  constexpr const char* expected[] = {"",
                                      "non-decreasing from 0 to the number of indices",
                                      "0 <= index < V",
                                      "a finite number >= 0",
                                      "0 <= row < D",
                                      "at least as many as the rows have",
                                      "indices.argsort(stable=True)"};
  for (int op = 0; op < int(NotingOp::count); ++op) {
    volatile uint64_t* const place = notes_of(NotingOp(op));
    const uint64_t note = place ? *place : 0;
    if (note == 0) continue;
    *place = 0;
    const auto argument = size_t(note >> 61);
    const int64_t held = int64_t(note << 34) >> 34;  // its sign is in bit 29
    std::ostringstream value;
    if (argument != size_t(BadArgument::nonzeros)) value << "[" << (note >> 30 & 0x7fffffff) << "]";
    if (argument != size_t(BadArgument::counts)) {
      value << " is " << (held == -note_value_limit ? "at most " : "")
            << (held == note_value_limit - 1 ? "at least " : "") << held;
    }
    check(false, ops[op], ": ", arguments[argument], value.str(), ", expected ", expected[argument],
          " (in an earlier call; it was left out there)");
  }
}

bool is_asked_for(const char* variable) {
  const char* const value = std::getenv(variable);
  return value && std::string(value) == "1";
}

bool wgmma_is_asked_for() { return is_asked_for("NTM_FAST_WGMMA"); }

}  // namespace ntm_fast
