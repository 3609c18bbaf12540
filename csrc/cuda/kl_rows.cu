#include "kl_rows.h"

#include "cuda/rows.cuh"
#include "math/kl_dirichlet.h"
#include "math/kl_gamma.h"
#include "math/kl_normal.h"
#include "math/kl_weibull_gamma.h"

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

// A row's arguments: row(j, k) is argument j of element k.
template <class Kl, class T>
struct KlRow {
  const Rows<T>* arguments;
  int64_t row;

  __device__ __forceinline__ double operator()(int j, int64_t k) const {
    return double(At<Kl, T>{arguments, row, k}(j));
  }
};

template <class Kl, class T>
__device__ __forceinline__ bool is_finite(const KlRow<Kl, T>& x, int64_t topics) {
  bool finite = true;
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    for (int j = 0; j < arguments_of<Kl>; ++j) finite &= x(j, k) - x(j, k) == 0;
  }
  return __all_sync(~0u, finite);
}

// A row's divergence where its terms cancel, by the warp; `quick` stays where an argument is not
// finite. A Dirichlet's topics come one after the other, in every lane.
template <class Kl, class T>
__device__ __noinline__ double kl_of_row_exactly(const KlRow<Kl, T>& x, int64_t topics,
                                                 double quick) {
  if (!is_finite(x, topics)) return quick;
  if constexpr (KlElement<Kl, T>::less_that_of_sums) {
    return kl_dirichlet_exactly(x, topics);
  } else {
    double sum = 0;
    for (int64_t k = lane_index(); k < topics; k += warp_size) {
      sum += KlElement<Kl, T>([&](int j) { return KlReal<Kl, T>(x(j, k)); }).exactly();
    }
    return warp_sum(sum);
  }
}

template <class Kl, class T>
__global__ void __launch_bounds__(row_threads) divergence(const KlRows<Kl, T> args, int64_t rows) {
  using Element = KlElement<Kl, T>;
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    KlReal<Kl, T> sum = 0, negative_sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const Element element(At<Kl, T>{args.arguments, row, k});
      sum += element.term();
      if constexpr (Element::has_negative_part) negative_sum += element.negative_part();
    }
    sum = warp_sum(sum);
    double parts = sum, kl = sum;
    if constexpr (Element::has_negative_part) parts -= warp_sum(negative_sum);
    if constexpr (Element::less_that_of_sums) {
      kl -= sums_of<Kl>(args.arguments, row, args.topics).term();
    }
    if (cancels(parts, kl)) {
      kl = kl_of_row_exactly(KlRow<Kl, T>{args.arguments, row}, args.topics, kl);
    }
    if (lane_index() == 0) args.kl[row] = T(kl);
  }
}

// To the first n arguments.
template <int n, class Kl, class T>
__device__ __forceinline__ void gradients_of_row(const KlRowsBackward<Kl, T>& args, int64_t row) {
  using Element = KlElement<Kl, T>;
  KlReal<Kl, T> gradient[arguments_of<Kl>] = {}, of_sums[arguments_of<Kl>] = {};
  bool slopes_cancel = false;
  double slope_of_sums = 0;
  if constexpr (Element::less_that_of_sums) {
    const Element sums = sums_of<Kl>(args.arguments, row, args.topics);
    kl_gradient(sums, 1, gradient, of_sums);
    slopes_cancel = sums.slopes_cancel();
    if (slopes_cancel) slope_of_sums = sums.slope();
  }
  for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
    const Element element(At<Kl, T>{args.arguments, row, k});
    kl_gradient(element, args.grad_kl[row], of_sums, gradient);
    if constexpr (Element::less_that_of_sums) {
      if (slopes_cancel) gradient[0] = args.grad_kl[row] * (element.slope() - slope_of_sums);
      if (args.topics == 1) {  // the divergence is 0
        for (auto& x : gradient) x = args.grad_kl[row] * element.none();
      }
    }
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
