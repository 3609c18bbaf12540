#include "dense_layer_torch.h"

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

class OnCpu {
 public:
  OnCpu(const char*, const Tensor&) {}

  template <class T>
  void layer(DenseActivation<T> args, const Tensor& x, const OptionalTensor& weight,
             const Tensor& y) const {
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
  void run(const DenseNorm<T>& args) const {
    in_columns(args, NTM_FAST_CPU_CALL(dense_norm<T>));
  }
  template <class T>
  void run(const DenseDerivative<T>& args) const {
    in_columns(args, NTM_FAST_CPU_CALL(dense_derivative<T>));
  }

  template <class T>
  void multiply(const Tensor& a, bool transposed, const Tensor& b, const Tensor& to) const {
    const int64_t depth = b.size(0), rows = to.size(0), columns = to.size(1);
    const RightSide<T> right(b, depth, columns, false);
    const DenseProduct<T> p{data<T>(a),   a.size(1),           transposed, data<T>(right.tensor),
                            right.stride, mutable_data<T>(to), depth,      columns};
    const auto product = NTM_FAST_CPU_CALL(dense_product<T>);
    parallel_blocks(rows, dense_rows_per_block, product_work(rows, depth, columns),
                    [&](int64_t first, int64_t end) { product(p, first, end); });
  }

 private:
  static double product_work(int64_t rows, int64_t depth, int64_t columns) {
    return product_ns * double(rows * columns) * double(depth);
  }

  template <class Args, class Kernel>
  static void in_columns(const Args& args, const Kernel& kernel) {
    parallel_blocks(args.outputs, dense_columns_per_block,
                    element_ns * double(args.documents * args.outputs),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  }
};

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
  m.impl("dense_layer", TORCH_BOX(&forward<OnCpu>));
  m.impl("dense_layer_backward", TORCH_BOX(&backward<OnCpu>));
}

}  // namespace ntm_fast
