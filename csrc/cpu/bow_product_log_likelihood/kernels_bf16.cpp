#include "bow_product_bf16_engine.h"
#include "bow_product_loops.h"

NTM_FAST_ISA_BEGIN

template <int PARTS>
BowProductKernels<float> bow_product_bf16_kernels() {
  return kernels_of<Bf16Engine<PARTS>>();
}

template BowProductKernels<float> bow_product_bf16_kernels<1>();
#if defined(__AMX_BF16__)  // elsewhere three products take longer than one in float32
template BowProductKernels<float> bow_product_bf16_kernels<2>();
#endif

NTM_FAST_ISA_END
