#pragma once
// What kernels find wrong in values that nobody has read on the host. A kernel skips a bad value
// and leaves a note in host memory that the device can write to; the host looks there, without
// waiting for the device, when the next op is called or whenever raise_device_errors is.

#include <stdint.h>

namespace ntm_fast {

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
// lowest 30 bits of the value, held within +-2^29. If several are bad, one of them is told.
constexpr int64_t note_value_limit = int64_t{1} << 29;

// Where the notes of an op go, on the current device; null if there is no such memory.
uint64_t* device_notes(NotingOp op);
// The same, but null where no op has asked for them yet: does not start CUDA.
uint64_t* device_notes_if_any(NotingOp op);

// Throws std::invalid_argument if there is a note, and forgets it.
void raise_device_errors();

}  // namespace ntm_fast
