#include "../kl_rows.h"

#include "../math/kl_dirichlet.h"
#include "../math/kl_gamma.h"
#include "../math/kl_normal.h"
#include "../math/kl_weibull_gamma.h"
#include "rows.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

// Argument j of an element; NaN where it should be positive and is not, for which the CPU throws.
template <class Kl, class T>
struct At {
  const Rows<T>* arguments;
  int64_t row, k;

  __device__ __forceinline__ KlReal<Kl, T> operator()(int j) const {
    const KlReal<Kl, T> x = arguments[j].data[row * arguments[j].stride + k];
    return x > 0 || !Kl::positive ? x : KlReal<Kl, T>(__builtin_nan(""));
  }
};

// The element of a row's sums, in every lane.
template <class Kl, class T>
__device__ __forceinline__ KlElement<Kl, T> sums_of(const Rows<T>* arguments, int64_t row,
                                                    int64_t topics) {
  KlReal<Kl, T> sums[arguments_of<Kl>] = {};
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    const At<Kl, T> at{arguments, row, k};
    for (int j = 0; j < arguments_of<Kl>; ++j) sums[j] += at(j);
  }
  for (auto& sum : sums) sum = warp_sum(sum);
  return KlElement<Kl, T>([&](int j) { return sums[j]; });
}

template <class Kl, class T>
__global__ void __launch_bounds__(row_threads) divergence(const KlRows<Kl, T> args, int64_t rows) {
  using Element = KlElement<Kl, T>;
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    KlReal<Kl, T> sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      sum += Element(At<Kl, T>{args.arguments, row, k}).term();
    }
    sum = warp_sum(sum);
    if constexpr (Element::less_that_of_sums) {
      sum -= sums_of<Kl>(args.arguments, row, args.topics).term();
    }
    if (lane_index() == 0) args.kl[row] = T(sum);
  }
}

// To the first n arguments.
template <int n, class Kl, class T>
__device__ __forceinline__ void gradients_of_row(const KlRowsBackward<Kl, T>& args, int64_t row) {
  using Element = KlElement<Kl, T>;
  KlReal<Kl, T> gradient[arguments_of<Kl>] = {}, of_sums[arguments_of<Kl>] = {};
  if constexpr (Element::less_that_of_sums) {
    kl_gradient(sums_of<Kl>(args.arguments, row, args.topics), 1, gradient, of_sums);
  }
  for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
    kl_gradient(Element(At<Kl, T>{args.arguments, row, k}), args.grad_kl[row], of_sums, gradient);
    for (int j = 0; j < n; ++j) {
      if (args.gradients[j]) args.gradients[j][row * args.topics + k] = T(gradient[j]);
    }
  }
}

template <class Kl, class T>
__global__ void __launch_bounds__(row_threads)
    gradients(const KlRowsBackward<Kl, T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    if (args.of_prior) gradients_of_row<arguments_of<Kl>>(args, row);
    else gradients_of_row<half_of<Kl>>(args, row);
  }
}

}  // namespace

template <class Kl, class T>
int queue(const KlRows<Kl, T>& args, int64_t rows, void* stream) {
  return launch(divergence<Kl, T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class Kl, class T>
int queue(const KlRowsBackward<Kl, T>& args, int64_t rows, void* stream) {
  return launch(gradients<Kl, T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

#define NTM_FAST_INSTANTIATE_FOR(Kl, T)                     \
  template int queue(const KlRows<Kl, T>&, int64_t, void*); \
  template int queue(const KlRowsBackward<Kl, T>&, int64_t, void*);
#define NTM_FAST_INSTANTIATE(Kl) \
  NTM_FAST_INSTANTIATE_FOR(Kl, float) NTM_FAST_INSTANTIATE_FOR(Kl, double)
NTM_FAST_EACH_KL(NTM_FAST_INSTANTIATE)

}  // namespace ntm_fast
