#include "bow_product_engine.h"
#include "bow_product_loops.h"

NTM_FAST_ISA_BEGIN

template <class T>
BowProductKernels<T> bow_product_kernels() {
  return kernels_of<PanelEngine<T>>();
}

template BowProductKernels<float> bow_product_kernels();
template BowProductKernels<double> bow_product_kernels();

NTM_FAST_ISA_END
