#include "cuda_stream.h"
#include "dropout_torch.h"

namespace ntm_fast {

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("dropout", TORCH_BOX(&dropout_torch::forward<OnCuda>));
}

}  // namespace ntm_fast
