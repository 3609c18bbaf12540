#include "cuda_stream.h"
#include "dense_layer_torch.h"
#include "torch_product.h"

namespace ntm_fast {

namespace {

using namespace dense_layer;

struct DenseOnCuda : OnCuda {
  using OnCuda::OnCuda;

  template <class T>
  void layer(DenseActivation<T> args, const Tensor& x, const OptionalTensor& weight,
             const Tensor& y) const {
    if (weight) {
      ntm_fast::multiply(x, torch::stable::transpose(*weight, 0, 1), y);
      args.x = args.y;
    }
    if (args.x != args.y || args.bias || args.activation != Activation::none) {
      OnCuda::run(args, x.size(0));
    }
  }

  template <class Args>
  void run(const Args& args) const {
    OnCuda::run(args, args.outputs);
  }

  template <class T>
  void multiply(const Tensor& a, bool transposed, const Tensor& b, const Tensor& to) const {
    ntm_fast::multiply(transposed ? torch::stable::transpose(a, 0, 1) : a, b, to);
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("dense_layer", TORCH_BOX(&forward<DenseOnCuda>));
  m.impl("dense_layer_backward", TORCH_BOX(&backward<DenseOnCuda>));
}

}  // namespace ntm_fast
