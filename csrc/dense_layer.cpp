#include <tuple>

#include "dense_layer_checks.h"

namespace ntm_fast {

namespace {

using namespace dense_layer;

constexpr double product_ns = .02, element_ns = 1;  // of a product's term, of an activation

// A matrix [depth, columns] whose rows may be read in whole vector registers.
template <class T>
struct RightSide {
  Tensor tensor;
  int64_t stride;

  // Of a contiguous matrix, or of its transpose; a copy only where there has to be one.
  RightSide(const Tensor& matrix, int64_t depth, int64_t columns, bool transposed)
      : tensor(matrix), stride(NTM_FAST_CPU_CALL(dense_padded<T>)(columns)) {
    if (stride == columns && !transposed) return;
    tensor = torch::stable::new_empty(matrix, {depth, stride});
    NTM_FAST_CPU_CALL(dense_pack<T>)
    (data<T>(matrix), mutable_data<T>(tensor), depth, columns, transposed);
  }
};

// (x [B, I], weight [O, I], bias [O], shift [O]) -> y [B, O]; with batch norm the batch's mean and
// biased variance [O] and the normalised values [B, O], else empty
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& x, const OptionalTensor& weight,
                                                   const OptionalTensor& bias, int64_t activation,
                                                   bool batch_norm, const OptionalTensor& shift,
                                                   double eps) {
  const int64_t outputs = checked(x, weight, bias, shift, batch_norm, eps);
  const Activation last = activation_of(activation);
  const int64_t documents = x.size(0), inputs = x.size(1);
  const Tensor in = contiguous(x);
  const OptionalTensor b = plain(bias), s = plain(shift);
  const int64_t n = batch_norm ? outputs : 0;
  const Tensor y = torch::stable::new_empty(x, {documents, outputs}),
               mean = torch::stable::new_empty(x, {n}), var = torch::stable::new_empty(x, {n}),
               normalised = torch::stable::new_empty(x, {batch_norm ? documents : 0, outputs});
  const double elements = element_ns * double(documents * outputs);
  dispatch_floating(op, "x", x, [&](auto zero) {
    using T = decltype(zero);
    DenseActivation<T> args{data<T>(in), data_or_null<T>(b), mutable_data<T>(y), outputs,
                            batch_norm ? Activation::none : last};
    const auto activate = NTM_FAST_CPU_CALL(dense_activate<T>);
    if (weight) {
      const RightSide<T> w(contiguous(*weight), inputs, outputs, true);
      const DenseProduct<T> p{data<T>(in),        inputs, false,  data<T>(w.tensor), w.stride,
                              mutable_data<T>(y), inputs, outputs};
      args.x = args.y;
      const bool more = args.bias || args.activation != Activation::none;
      const auto product = NTM_FAST_CPU_CALL(dense_product<T>);
      const double work = product_ns * double(documents * outputs) * double(inputs) + elements;
      parallel_blocks(documents, dense_rows_per_block, work, [&](int64_t first, int64_t end) {
        product(p, first, end);
        if (more) activate(args, first, end);
      });
    } else {
      parallel_blocks(documents, dense_rows_per_block, elements,
                      [&](int64_t first, int64_t end) { activate(args, first, end); });
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
    const auto kernel = NTM_FAST_CPU_CALL(dense_norm<T>);
    parallel_blocks(outputs, dense_columns_per_block, elements,
                    [&](int64_t first, int64_t last_column) { kernel(norm, first, last_column); });
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
  const int64_t documents = x.size(0), inputs = x.size(1);
  check_backward(grad_y, x, y, batch_norm, var, normalised, outputs);
  const Tensor g = contiguous(grad_y), in = contiguous(x), out = contiguous(y), v = contiguous(var),
               z = contiguous(normalised);
  const OptionalTensor w = plain(weight);
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
    const auto derivative = NTM_FAST_CPU_CALL(dense_derivative<T>);
    parallel_blocks(
        outputs, dense_columns_per_block, element_ns * double(documents * outputs),
        [&](int64_t first, int64_t last_column) { derivative(args, first, last_column); });
    if (!weight) return;
    const auto product = NTM_FAST_CPU_CALL(dense_product<T>);
    const double work = product_ns * double(documents * outputs) * double(inputs);
    if (want_x) {
      const RightSide<T> b(*w, outputs, inputs, false);
      const DenseProduct<T> p{data<T>(grad),           outputs, false, data<T>(b.tensor), b.stride,
                              mutable_data<T>(grad_x), outputs, inputs};
      parallel_blocks(documents, dense_rows_per_block, work,
                      [&](int64_t first, int64_t end) { product(p, first, end); });
    }
    if (want_weight) {
      const RightSide<T> b(in, documents, inputs, false);
      const DenseProduct<T> p{data<T>(grad),     outputs,  true,
                              data<T>(b.tensor), b.stride, mutable_data<T>(grad_weight),
                              documents,         inputs};
      parallel_blocks(outputs, dense_rows_per_block, work,
                      [&](int64_t first, int64_t end) { product(p, first, end); });
    }
  });
  return {grad_x, grad_weight, sums};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "dense_layer(Tensor x, Tensor? weight, Tensor? bias, int activation, bool batch_norm,"
      " Tensor? shift, float eps) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "dense_layer_backward(Tensor grad_y, Tensor x, Tensor? weight, Tensor y, int activation,"
      " bool batch_norm, float eps, Tensor var, Tensor normalised, bool want_x, bool want_weight)"
      " -> (Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("dense_layer", TORCH_BOX(&forward));
  m.impl("dense_layer_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
