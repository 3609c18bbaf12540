#include "cuda_stream.h"
#include "kl_rows_torch.h"

namespace ntm_fast {

namespace {

class OnCuda {
 public:
  explicit OnCuda(const Tensor& first) : cuda_(first) {}

  template <class Kl, class T>
  void run(const KlRows<Kl, T>& args, const kl_rows_torch::Arguments<Kl>& x) const {
    check_launch(Kl::op, kl_rows_cuda(args, x[0].size(0), cuda_.stream()));
  }
  template <class Kl, class T>
  void run(const KlRowsBackward<Kl, T>& args, const kl_rows_torch::Arguments<Kl>& x) const {
    check_launch(Kl::op, kl_rows_backward_cuda(args, x[0].size(0), cuda_.stream()));
  }

 private:
  CudaScope cuda_;
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) { kl_rows_torch::implement<OnCuda>(m); }

}  // namespace ntm_fast
