#include "cuda_stream.h"
#include "gamma_implicit_gradient_torch.h"

namespace ntm_fast {

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("gamma_implicit_gradient", TORCH_BOX(&gamma_implicit_gradient_torch::forward<OnCuda>));
}

}  // namespace ntm_fast
