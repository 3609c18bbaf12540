#include "dense_layer.h"

#include <tuple>
#include <utility>

#include "ops/device.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "dense_layer";
constexpr double product_ns = .02, element_ns = 1;  // of a product's term, of an activation

// A matrix [depth, columns] whose rows may be read in whole vector registers.
template <class T>
struct RightSide {
  Tensor tensor;
  int64_t stride;

  // For a contiguous matrix or its transpose; copies only where that is necessary.
  RightSide(const Tensor& matrix, int64_t depth, int64_t columns, bool transposed)
      : tensor(matrix), stride(NTM_FAST_CPU_CALL(dense_padded<T>)(columns)) {
    if (stride == columns && !transposed) return;
    tensor = torch::stable::new_empty(matrix, {depth, stride});
    NTM_FAST_CPU_CALL(dense_pack<T>)
    (data<T>(matrix), mutable_data<T>(tensor), depth, columns, transposed);
  }
};

double product_work(int64_t rows, int64_t depth, int64_t columns) {
  return product_ns * double(rows * columns) * double(depth);
}

// y = activation(x weight^T + bias), or of x without a weight
template <class T>
void layer(const Cpu&, DenseActivation<T> args, const Tensor& x, const OptionalTensor& weight,
           const Tensor& y) {
  const int64_t documents = x.size(0), inputs = x.size(1), outputs = args.outputs;
  const double elements = element_ns * double(documents * outputs);
  const auto activate = NTM_FAST_CPU_CALL(dense_activate<T>);
  if (!weight) {
    parallel_blocks(documents, dense_rows_per_block, elements,
                    [&](int64_t first, int64_t end) { activate(args, first, end); });
    return;
  }
  const RightSide<T> w(contiguous(*weight), inputs, outputs, true);
  const DenseProduct<T> p{data<T>(x),         inputs, false,  data<T>(w.tensor), w.stride,
                          mutable_data<T>(y), inputs, outputs};
  args.x = args.y;
  const bool more = args.bias || args.activation != Activation::none;
  const auto product = NTM_FAST_CPU_CALL(dense_product<T>);
  parallel_blocks(documents, dense_rows_per_block,
                  product_work(documents, inputs, outputs) + elements,
                  [&](int64_t first, int64_t end) {
                    product(p, first, end);
                    if (more) activate(args, first, end);
                  });
}

template <class T>
void layer(const Cuda& cuda, DenseActivation<T> args, const Tensor& x, const OptionalTensor& weight,
           const Tensor& y) {
  if (weight) {
    cuda.multiply(x, torch::stable::transpose(*weight, 0, 1), y);
    args.x = args.y;
  }
  if (args.x != args.y || args.bias || args.activation != Activation::none) {
    run(cuda, args, x.size(0));
  }
}

// to = a b, or a^T b; contiguous matrices
template <class T>
void multiply(const Cpu&, const Tensor& a, bool transposed, const Tensor& b, const Tensor& to) {
  const int64_t depth = b.size(0), rows = to.size(0), columns = to.size(1);
  const RightSide<T> right(b, depth, columns, false);
  const DenseProduct<T> p{data<T>(a),   a.size(1),           transposed, data<T>(right.tensor),
                          right.stride, mutable_data<T>(to), depth,      columns};
  const auto product = NTM_FAST_CPU_CALL(dense_product<T>);
  parallel_blocks(rows, dense_rows_per_block, product_work(rows, depth, columns),
                  [&](int64_t first, int64_t end) { product(p, first, end); });
}

template <class T>
void multiply(const Cuda& cuda, const Tensor& a, bool transposed, const Tensor& b,
              const Tensor& to) {
  cuda.multiply(transposed ? torch::stable::transpose(a, 0, 1) : a, b, to);
}

template <class Args, class Kernel>
void run_in_columns(const Args& args, const Kernel& kernel) {
  parallel_blocks(args.outputs, dense_columns_per_block,
                  element_ns * double(args.documents * args.outputs),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

template <class T>
void run(const Cpu&, const DenseNorm<T>& args, int64_t) {
  run_in_columns(args, NTM_FAST_CPU_CALL(dense_norm<T>));
}

template <class T>
void run(const Cpu&, const DenseDerivative<T>& args, int64_t) {
  run_in_columns(args, NTM_FAST_CPU_CALL(dense_derivative<T>));
}

Activation activation_of(int64_t code) {
  check(code >= 0 && code <= 2, op, ": activation is ", code,
        ", expected 0 (none), 1 (softplus) or 2 (relu)");
  return Activation(code);
}

// Checks the layer and returns the number of its outputs.
int64_t checked(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                const OptionalTensor& shift, bool batch_norm, double eps) {
  check(x.dim() == 2, op, ": x has shape ", shape(x), ", expected [B, I]");
  const int64_t inputs = x.size(1), outputs = weight ? weight->size(0) : inputs;
  if (weight) {
    check(weight->dim() == 2 && weight->size(1) == inputs, op, ": weight has shape ",
          shape(*weight), ", expected [O, ", inputs, "]");
    check_same_dtype(op, "weight", *weight, "x", x);
  }
  for (const auto& [name, tensor] : {std::pair{"bias", &bias}, {"shift", &shift}}) {
    if (!*tensor) continue;
    check((*tensor)->dim() == 1 && (*tensor)->size(0) == outputs, op, ": ", name, " has shape ",
          shape(**tensor), ", expected [", outputs, "]");
    check_same_dtype(op, name, **tensor, "x", x);
  }
  check(batch_norm || !shift, op, ": shift is given, but batch_norm is false");
  check(!batch_norm || x.size(0) > 0, op, ": x has shape ", shape(x),
        ", expected at least one document for batch_norm");
  check(eps >= 0 && eps < 1e300, op, ": eps is ", eps, ", expected a finite number >= 0");
  return outputs;
}

// Checks what the backward is given beside the layer.
void check_backward(const Tensor& grad_y, const Tensor& x, const Tensor& y, bool batch_norm,
                    const Tensor& var, const Tensor& normalised, int64_t outputs) {
  const int64_t documents = x.size(0);
  check(y.dim() == 2 && y.size(0) == documents && y.size(1) == outputs, op, ": y has shape ",
        shape(y), ", expected [", documents, ", ", outputs, "]");
  check_same_shape(op, "grad_y", grad_y, "y", y);
  for (const auto& [name, tensor] : {std::pair{"grad_y", &grad_y}, {"y", &y}}) {
    check_same_dtype(op, name, *tensor, "x", x);
  }
  if (batch_norm) {
    check_same_shape(op, "normalised", normalised, "y", y);
    check_same_dtype(op, "normalised", normalised, "x", x);
    check(var.dim() == 1 && var.size(0) == outputs, op, ": var has shape ", shape(var),
          ", expected [", outputs, "]");
    check_same_dtype(op, "var", var, "x", x);
  }
}

// (x [B, I], weight [O, I], bias [O], shift [O]) -> y [B, O]; with batch norm the batch's mean and
// biased variance [O] and the normalised values [B, O], else empty
template <class Device>
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& x, const OptionalTensor& weight,
                                                   const OptionalTensor& bias, int64_t activation,
                                                   bool batch_norm, const OptionalTensor& shift,
                                                   double eps) {
  const int64_t outputs = checked(x, weight, bias, shift, batch_norm, eps);
  const Activation last = activation_of(activation);
  const Device device(op, x);
  const int64_t documents = x.size(0), n = batch_norm ? outputs : 0;
  const Tensor in = contiguous(x);
  const OptionalTensor b = contiguous_or_none(bias), s = contiguous_or_none(shift);
  const Tensor y = torch::stable::new_empty(x, {documents, outputs}),
               mean = torch::stable::new_empty(x, {n}), var = torch::stable::new_empty(x, {n}),
               normalised = torch::stable::new_empty(x, {batch_norm ? documents : 0, outputs});
  dispatch_floating(op, "x", x, [&](auto zero) {
    using T = decltype(zero);
    const DenseActivation<T> args{data<T>(in), data_or_null<T>(b), mutable_data<T>(y), outputs,
                                  batch_norm ? Activation::none : last};
    layer(device, args, in, weight, y);
    if (!batch_norm) return;
    run(device,
        DenseNorm<T>{data_or_null<T>(s), mutable_data<T>(y), mutable_data<T>(normalised),
                     mutable_data<T>(mean), mutable_data<T>(var), documents, outputs, T(eps), last},
        outputs);
  });
  return {y, mean, var, normalised};
}

// -> gradients of x and weight, empty where not wanted, and the sums [O] over the documents of the
// gradient before the activation: that of the shift, and without batch norm of the bias
template <class Device>
std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad_y, const Tensor& x,
                                            const OptionalTensor& weight, const Tensor& y,
                                            int64_t activation, bool batch_norm, double eps,
                                            const Tensor& var, const Tensor& normalised,
                                            bool want_x, bool want_weight) {
  const int64_t outputs = checked(x, weight, {}, {}, batch_norm, eps);
  const Activation last = activation_of(activation);
  check_backward(grad_y, x, y, batch_norm, var, normalised, outputs);
  const Device device(op, x);
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
    run(device,
        DenseDerivative<T>{data<T>(g), data<T>(out), batch_norm ? data<T>(z) : nullptr,
                           batch_norm ? data<T>(v) : nullptr, mutable_data<T>(grad),
                           mutable_data<T>(sums), documents, outputs, T(eps), last},
        outputs);
    if (weight && want_x) multiply<T>(device, grad, false, contiguous(*weight), grad_x);
    if (weight && want_weight) multiply<T>(device, grad, true, in, grad_weight);
  });
  return {grad_x, grad_weight, sums};
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def(
      "dense_layer(Tensor x, Tensor? weight, Tensor? bias, int activation, bool batch_norm,"
      " Tensor? shift, float eps) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "dense_layer_backward(Tensor grad_y, Tensor x, Tensor? weight, Tensor y, int activation,"
      " bool batch_norm, float eps, Tensor var, Tensor normalised, bool want_x, bool want_weight)"
      " -> (Tensor, Tensor, Tensor)");
}

NTM_FAST_KERNELS(m) {
  m.impl("dense_layer", TORCH_BOX(&forward<Device>));
  m.impl("dense_layer_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
