#pragma once
// What the kernels of every op on CUDA devices tell the host, and the host them.

#include <stdint.h>

namespace ntm_fast {

// Kernels find what is wrong in values that nobody has read on the host. A kernel skips a bad value
// and leaves a note in host memory that the device can write to; the host looks there, without
// waiting for the device, when the next op is called or whenever raise_device_errors (ops/device.h)
// is.

// Ops that leave notes, each in a place of its own.
enum class NotingOp {
  bow_linear,
  bow_mixture_log_likelihood,
  bow_mixture_proportions,
  bow_product_log_likelihood,
  bow_rows,
  count
};

enum class BadArgument : uint64_t { none, indptr, indices, counts, rows, nonzeros, order };

// A note is one 64-bit word: the argument in bits 61 to 63, the place in it in 31 bits, and the
// lowest 30 bits of the value, held within +-2^29. If several are bad, one of them is reported.
constexpr int64_t note_value_limit = int64_t{1} << 29;

// Where the notes of an op go, on the current device; null if there is no such memory.
uint64_t* device_notes(NotingOp op);
// The same if an op has called device_notes before, else null: never starts CUDA.
uint64_t* device_notes_if_any(NotingOp op);

// Versions as CUDA counts them (13000 is 13.0); 0 where there is none.
struct CudaInfo {
  int runtime_version;  // of the runtime linked in
  int driver_version;   // the newest runtime that the installed driver can serve
  int devices;
};

CudaInfo cuda_info();

// Whether NTM_FAST_WGMMA=1 asks for the kernels of sm_90a, where the device is one. They are not
// the default as long as they have run in the emulator alone. Defined in ops/device.cpp.
bool wgmma_is_asked_for();

}  // namespace ntm_fast
