#include <tuple>

#include "cuda_stream.h"
#include "dense_layer_checks.h"
#include "torch_product.h"

namespace ntm_fast {

namespace {

using namespace dense_layer;

// (x [B, I], weight [O, I], bias [O], shift [O]) -> y [B, O]; with batch norm the batch's mean and
// biased variance [O] and the normalised values [B, O], else empty
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& x, const OptionalTensor& weight,
                                                   const OptionalTensor& bias, int64_t activation,
                                                   bool batch_norm, const OptionalTensor& shift,
                                                   double eps) {
  const int64_t outputs = checked(x, weight, bias, shift, batch_norm, eps);
  const Activation last = activation_of(activation);
  const CudaScope cuda(x);
  const int64_t documents = x.size(0), n = batch_norm ? outputs : 0;
  const Tensor in = contiguous(x);
  const OptionalTensor b = plain(bias), s = plain(shift);
  const Tensor y = torch::stable::new_empty(x, {documents, outputs}),
               mean = torch::stable::new_empty(x, {n}), var = torch::stable::new_empty(x, {n}),
               normalised = torch::stable::new_empty(x, {batch_norm ? documents : 0, outputs});
  dispatch_floating(op, "x", x, [&](auto zero) {
    using T = decltype(zero);
    if (weight) multiply(in, torch::stable::transpose(*weight, 0, 1), y);
    const DenseActivation<T> args{weight ? data<T>(y) : data<T>(in), data_or_null<T>(b),
                                  mutable_data<T>(y), outputs,
                                  batch_norm ? Activation::none : last};
    if (!weight || b || args.activation != Activation::none) {
      check_launch(op, dense_activate_cuda(args, documents, cuda.stream()));
    }
    if (!batch_norm) return;
    const DenseNorm<T> norm{data_or_null<T>(s),
                            mutable_data<T>(y),
                            mutable_data<T>(normalised),
                            mutable_data<T>(mean),
                            mutable_data<T>(var),
                            documents,
                            outputs,
                            T(eps),
                            last};
    check_launch(op, dense_norm_cuda(norm, cuda.stream()));
  });
  return {y, mean, var, normalised};
}

// -> gradients of x and weight, empty where not wanted, and the sums [O] over the documents of the
// gradient before the activation: that of the shift, and without batch norm of the bias
std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad_y, const Tensor& x,
                                            const OptionalTensor& weight, const Tensor& y,
                                            int64_t activation, bool batch_norm, double eps,
                                            const Tensor& var, const Tensor& normalised,
                                            bool want_x, bool want_weight) {
  const int64_t outputs = checked(x, weight, {}, {}, batch_norm, eps);
  const Activation last = activation_of(activation);
  check_backward(grad_y, x, y, batch_norm, var, normalised, outputs);
  const CudaScope cuda(x);
  const int64_t documents = x.size(0), inputs = x.size(1);
  const Tensor g = contiguous(grad_y), in = contiguous(x), out = contiguous(y), v = contiguous(var),
               z = contiguous(normalised);
  const Tensor grad = torch::stable::new_empty(x, {documents, outputs}),
               sums = torch::stable::new_empty(x, {outputs});
  const Tensor grad_x =
      !weight ? grad : torch::stable::new_empty(x, {want_x ? documents : 0, inputs});
  const Tensor grad_weight =
      torch::stable::new_empty(x, {weight && want_weight ? outputs : 0, inputs});
  dispatch_floating(op, "x", x, [&](auto zero) {
    using T = decltype(zero);
    const DenseDerivative<T> args{data<T>(g),
                                  data<T>(out),
                                  batch_norm ? data<T>(z) : nullptr,
                                  batch_norm ? data<T>(v) : nullptr,
                                  mutable_data<T>(grad),
                                  mutable_data<T>(sums),
                                  documents,
                                  outputs,
                                  T(eps),
                                  last};
    check_launch(op, dense_derivative_cuda(args, cuda.stream()));
  });
  if (weight && want_x) multiply(grad, *weight, grad_x);
  if (weight && want_weight) multiply(torch::stable::transpose(grad, 0, 1), in, grad_weight);
  return {grad_x, grad_weight, sums};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("dense_layer", TORCH_BOX(&forward));
  m.impl("dense_layer_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
