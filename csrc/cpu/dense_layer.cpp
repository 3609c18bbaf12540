#include "dense_layer.h"

#include "cpu/simd/panel_gemm.h"
#include "math/softplus.h"

NTM_FAST_ISA_BEGIN

namespace {

// Calls f(activation, its derivative by the value), both branch-free: loops over them vectorise.
template <class T, class F>
NTM_FAST_INLINE void with_activation(Activation which, const F& f) {
  switch (which) {
    case Activation::none:
      return f([](T z) __attribute__((always_inline)) { return z; },
               [](T) __attribute__((always_inline)) { return T(1); });
    case Activation::softplus:
      return f([](T z) __attribute__((always_inline)) { return softplus(z); },
               [](T y) __attribute__((always_inline)) { return softplus_slope(y); });
    case Activation::relu:  // NaN stays
      return f([](T z) __attribute__((always_inline)) { return z < T(0) ? T(0) : z; },
               [](T y) __attribute__((always_inline)) { return y > T(0) ? T(1) : T(0); });
  }
}

}  // namespace

template <class T>
int64_t dense_padded(int64_t columns) {
  return Panels<T>(columns).columns();
}

template <class T>
void dense_pack(const T* from, T* to, int64_t depth, int64_t columns, bool transposed) {
  const int64_t padded = dense_padded<T>(columns);
  for (int64_t k = 0; k < depth; ++k) {
    T* row = to + k * padded;
    if (transposed) {
      for (int64_t j = 0; j < columns; ++j) row[j] = from[j * depth + k];
    } else if (columns > 0) {
      __builtin_memcpy(row, from + k * columns, uint64_t(columns) * sizeof(T));
    }
    for (int64_t j = columns; j < padded; ++j) row[j] = 0;
  }
}

template <class T>
void dense_product(const DenseProduct<T>& args, int64_t first_row, int64_t last_row) {
  if (args.columns == 0) return;
  const Panels<T> panels(args.columns);
  const int64_t lanes = args.columns % Vector<T>::width;
  for (int64_t p = 0; p < panels.count; ++p) {
    const int64_t first = p * Panels<T>::most, a_step = args.a_by_column ? 1 : args.a_stride;
    const PanelGemm<T> g{args.a + first_row * a_step,
                         args.a_stride,
                         args.b + first,
                         args.b_stride,
                         args.depth,
                         args.to + first_row * args.columns + first,
                         args.columns,
                         p + 1 == panels.count ? lanes : 0,
                         false};
    const int64_t rows = last_row - first_row;
    if (args.a_by_column) panel_gemm<T, true>(g, rows, panels.width(p));
    else panel_gemm<T, false>(g, rows, panels.width(p));
  }
}

template <class T>
void dense_activate(const DenseActivation<T>& args, int64_t first_row, int64_t last_row) {
  const int64_t n = args.outputs;
  with_activation<T>(args.activation, [&](const auto& activation, const auto&) {
    for (int64_t row = first_row; row < last_row; ++row) {
      const T *from = args.x + row * n, *bias = args.bias;
      T* to = args.y + row * n;
      if (bias) {
        NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) to[j] = activation(from[j] + bias[j]);
      } else {
        NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) to[j] = activation(from[j]);
      }
    }
  });
}

template <class T>
void dense_norm(const DenseNorm<T>& args, int64_t first_column, int64_t last_column) {
  constexpr int most = dense_columns_per_block;
  const int64_t n = last_column - first_column;
  double sums[most] = {}, squares[most] = {};
  T mean[most], inverse_std[most], shift[most];
  for (int64_t d = 0; d < args.documents; ++d) {
    const T* z = args.y + d * args.outputs + first_column;
    NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) sums[j] += double(z[j]);
  }
  for (int64_t j = 0; j < n; ++j) mean[j] = T(sums[j] / double(args.documents));
  for (int64_t d = 0; d < args.documents; ++d) {
    const T* z = args.y + d * args.outputs + first_column;
    NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) {
      const double distance = double(z[j] - mean[j]);
      squares[j] += distance * distance;
    }
  }
  for (int64_t j = 0; j < n; ++j) {
    const T var = T(squares[j] / double(args.documents));
    args.mean[first_column + j] = mean[j];
    args.var[first_column + j] = var;
    inverse_std[j] = T(1) / __builtin_sqrt(var + args.eps);
    shift[j] = args.shift ? args.shift[first_column + j] : T(0);
  }
  with_activation<T>(args.activation, [&](const auto& activation, const auto&) {
    for (int64_t d = 0; d < args.documents; ++d) {
      T* y = args.y + d * args.outputs + first_column;
      T* normalised = args.normalised + d * args.outputs + first_column;
      NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) {
        const T x = (y[j] - mean[j]) * inverse_std[j];
        normalised[j] = x;
        y[j] = activation(x + shift[j]);
      }
    }
  });
}

template <class T>
void dense_derivative(const DenseDerivative<T>& args, int64_t first_column, int64_t last_column) {
  constexpr int most = dense_columns_per_block;
  const int64_t n = last_column - first_column;
  double sums[most] = {}, products[most] = {};
  const bool normalised = args.normalised != nullptr;
  with_activation<T>(args.activation, [&](const auto&, const auto& slope) {
    for (int64_t d = 0; d < args.documents; ++d) {
      const int64_t at = d * args.outputs + first_column;
      const T *grad_y = args.grad_y + at, *y = args.y + at;
      T* grad = args.grad + at;
      NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) {
        grad[j] = grad_y[j] * slope(y[j]);
        sums[j] += double(grad[j]);
      }
      if (!normalised) continue;
      const T* x = args.normalised + at;
      NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) products[j] += double(grad[j]) * double(x[j]);
    }
  });
  for (int64_t j = 0; j < n; ++j) args.sums[first_column + j] = T(sums[j]);
  if (!normalised) return;
  T mean[most], tilt[most], inverse_std[most];
  for (int64_t j = 0; j < n; ++j) {
    mean[j] = T(sums[j] / double(args.documents));
    tilt[j] = T(products[j] / double(args.documents));
    inverse_std[j] = T(1) / __builtin_sqrt(args.var[first_column + j] + args.eps);
  }
  for (int64_t d = 0; d < args.documents; ++d) {
    const int64_t at = d * args.outputs + first_column;
    const T* x = args.normalised + at;
    T* grad = args.grad + at;
    NTM_FAST_SIMD for (int64_t j = 0; j < n; ++j) {
      grad[j] = (grad[j] - mean[j] - x[j] * tilt[j]) * inverse_std[j];
    }
  }
}

#define NTM_FAST_INSTANTIATE(T)                                              \
  template int64_t dense_padded<T>(int64_t);                                 \
  template void dense_pack(const T*, T*, int64_t, int64_t, bool);            \
  template void dense_product(const DenseProduct<T>&, int64_t, int64_t);     \
  template void dense_activate(const DenseActivation<T>&, int64_t, int64_t); \
  template void dense_norm(const DenseNorm<T>&, int64_t, int64_t);           \
  template void dense_derivative(const DenseDerivative<T>&, int64_t, int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
