#include "cuda_stream.h"
#include "log_dirichlet_rsvi_torch.h"

namespace ntm_fast {

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("log_dirichlet_rsvi", TORCH_BOX(&log_dirichlet_rsvi_torch::forward<OnCuda>));
  m.impl("log_dirichlet_rsvi_backward", TORCH_BOX(&log_dirichlet_rsvi_torch::backward<OnCuda>));
}

}  // namespace ntm_fast
