#include "cuda_stream.h"
#include "logistic_normal_rsample_torch.h"

namespace ntm_fast {

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("logistic_normal_rsample", TORCH_BOX(&logistic_normal_rsample_torch::forward<OnCuda>));
  m.impl("logistic_normal_rsample_backward",
         TORCH_BOX(&logistic_normal_rsample_torch::backward<OnCuda>));
}

}  // namespace ntm_fast
