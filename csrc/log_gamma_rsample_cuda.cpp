#include "cuda_stream.h"
#include "log_gamma_rsample_torch.h"

namespace ntm_fast {

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("log_gamma_rsample", TORCH_BOX(&log_gamma_rsample_torch::forward<OnCuda>));
  m.impl("log_gamma_rsample_backward", TORCH_BOX(&log_gamma_rsample_torch::backward<OnCuda>));
}

}  // namespace ntm_fast
