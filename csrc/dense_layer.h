#pragma once
#include <stdint.h>

#include "cpu_level.h"

namespace ntm_fast {

enum class Activation : int64_t { none, softplus, relu };

// to [rows, columns] = a b; a [rows, depth], or its transpose if ``a_by_column``; whole vector
// registers are read of the rows of b. The rows of a and b are their strides apart.
template <class T>
struct DenseProduct {
  const T* a;
  int64_t a_stride;
  bool a_by_column;
  const T* b;
  int64_t b_stride;
  T* to;
  int64_t depth, columns;
};

// activation(x + bias) of rows [outputs]; bias may be null, y may be x.
template <class T>
struct DenseActivation {
  const T *x, *bias;
  T* y;
  int64_t outputs;
  Activation activation;
};

// Batch norm of y in place, then the activation.
template <class T>
struct DenseNorm {
  const T* shift;  // [outputs] or null
  T *y, *normalised, *mean, *var;
  int64_t documents, outputs;
  T eps;
  Activation activation;
};

// Gradient through activation and batch norm: that of y to that of the product x weight^T.
template <class T>
struct DenseDerivative {
  const T *grad_y, *y;
  const T *normalised, *var;  // null without batch norm
  T *grad, *sums;             // [documents, outputs]; of the activation's gradient, [outputs]
  int64_t documents, outputs;
  T eps;
  Activation activation;
};

constexpr int64_t dense_rows_per_block = 48, dense_columns_per_block = 64;

// columns rounded up to whole vector registers
NTM_FAST_CPU_DECLARE(template <class T> int64_t dense_padded(int64_t columns))
// to [depth, padded columns] = from [depth, columns], or [columns, depth] if ``transposed``
NTM_FAST_CPU_DECLARE(template <class T> void dense_pack(const T* from, T* to, int64_t depth,
                                                        int64_t columns, bool transposed))
NTM_FAST_CPU_DECLARE(template <class T> void dense_product(const DenseProduct<T>&,
                                                           int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T> void dense_activate(const DenseActivation<T>&,
                                                            int64_t first_row, int64_t last_row))
NTM_FAST_CPU_DECLARE(template <class T> void dense_norm(const DenseNorm<T>&, int64_t first_column,
                                                        int64_t last_column))
NTM_FAST_CPU_DECLARE(template <class T> void dense_derivative(const DenseDerivative<T>&,
                                                              int64_t first_column,
                                                              int64_t last_column))

// All rows of the first, all columns of the others, queued on a CUDA stream; they return a
// cudaError_t. The products are left to torch.
template <class T>
int queue(const DenseActivation<T>&, int64_t rows, void* stream);
template <class T>
int queue(const DenseNorm<T>&, int64_t columns, void* stream);
template <class T>
int queue(const DenseDerivative<T>&, int64_t columns, void* stream);

}  // namespace ntm_fast
