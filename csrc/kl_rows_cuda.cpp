#include "cuda_stream.h"
#include "kl_rows_torch.h"

namespace ntm_fast {

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) { kl_rows_torch::implement<OnCuda>(m); }

}  // namespace ntm_fast
