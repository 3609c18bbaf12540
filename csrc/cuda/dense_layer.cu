// dense_layer except for its products. Sums over documents are taken by a block for a few
// columns, in double and always in the same order.

#include "dense_layer.h"

#include "cuda/rows.cuh"
#include "math/softplus.h"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr int block_columns = 8, row_lanes = 64, threads = block_columns * row_lanes;
constexpr int warps = threads / warp_size;

template <class T>
__device__ __forceinline__ T activated(Activation activation, T z) {
  if (activation == Activation::softplus) return softplus(z);
  return activation == Activation::relu && z < T(0) ? T(0) : z;  // NaN stays
}

// The activation's derivative where its value is y.
template <class T>
__device__ __forceinline__ T slope_of(Activation activation, T y) {
  if (activation == Activation::softplus) return softplus_slope(y);
  return activation == Activation::relu && !(y > T(0)) ? T(0) : T(1);
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    activate_rows(const DenseActivation<T> args, int64_t rows) {
  for (int64_t row = first_row(); row < rows; row += row_stride()) {
    for (int64_t j = lane_index(); j < args.outputs; j += warp_size) {
      const int64_t i = row * args.outputs + j;
      args.y[i] = activated(args.activation, args.bias ? args.x[i] + args.bias[j] : args.x[i]);
    }
  }
}

// The column of this thread, and the first of its rows, of which it has every row_lanes-th.
__device__ __forceinline__ int64_t block_column() {
  return int64_t(blockIdx.x) * block_columns + threadIdx.x % block_columns;
}
__device__ __forceinline__ int64_t row_lane() { return threadIdx.x / block_columns; }

// The sum over the threads of a column, the same in all of them. All threads of the block call it.
__device__ __forceinline__ double column_sum(double x, double (&memory)[warps][block_columns]) {
  for (int step = block_columns; step < warp_size; step *= 2) {
    x += __shfl_xor_sync(~0u, x, step);
  }
  const int warp = int(threadIdx.x) / warp_size, column = int(threadIdx.x) % block_columns;
  __syncthreads();  // all threads have read the last sums
  if (lane_index() < block_columns) memory[warp][column] = x;
  __syncthreads();
  double sum = 0;
  for (int w = 0; w < warps; ++w) sum += memory[w][column];
  return sum;
}

template <class T>
__global__ void __launch_bounds__(threads) norm_columns(const DenseNorm<T> args) {
  __shared__ double memory[warps][block_columns];
  const int64_t column = block_column();
  const bool exists = column < args.outputs;
  const int64_t documents = exists ? args.documents : 0, n = args.outputs;
  double sum = 0;
#pragma unroll 4
  for (int64_t d = row_lane(); d < documents; d += row_lanes) {
    sum += double(args.y[d * n + column]);
  }
  const T mean = T(column_sum(sum, memory) / double(args.documents));
  sum = 0;
#pragma unroll 4
  for (int64_t d = row_lane(); d < documents; d += row_lanes) {
    const double distance = double(args.y[d * n + column] - mean);
    sum += distance * distance;
  }
  const T var = T(column_sum(sum, memory) / double(args.documents));
  if (exists && row_lane() == 0) {
    args.mean[column] = mean;
    args.var[column] = var;
  }
  const T inverse_std = T(1) / sqrt(var + args.eps);
  const T shift = exists && args.shift ? args.shift[column] : T(0);
  for (int64_t d = row_lane(); d < documents; d += row_lanes) {
    const int64_t i = d * n + column;
    const T x = (args.y[i] - mean) * inverse_std;
    args.normalised[i] = x;
    args.y[i] = activated(args.activation, x + shift);
  }
}

template <class T>
__global__ void __launch_bounds__(threads) derivative_columns(const DenseDerivative<T> args) {
  __shared__ double memory[warps][block_columns];
  const int64_t column = block_column();
  const bool exists = column < args.outputs;
  const int64_t documents = exists ? args.documents : 0, n = args.outputs;
  double sum = 0, product = 0;
#pragma unroll 4
  for (int64_t d = row_lane(); d < documents; d += row_lanes) {
    const int64_t i = d * n + column;
    const T grad = args.grad_y[i] * slope_of(args.activation, args.y[i]);
    args.grad[i] = grad;
    sum += double(grad);
    if (args.normalised) product += double(grad) * double(args.normalised[i]);
  }
  sum = column_sum(sum, memory);
  if (exists && row_lane() == 0) args.sums[column] = T(sum);
  if (!args.normalised) return;
  product = column_sum(product, memory);
  const T mean = T(sum / double(args.documents)), tilt = T(product / double(args.documents));
  const T inverse_std = exists ? T(1) / sqrt(args.var[column] + args.eps) : T(0);
  for (int64_t d = row_lane(); d < documents; d += row_lanes) {
    const int64_t i = d * n + column;
    args.grad[i] = (args.grad[i] - mean - args.normalised[i] * tilt) * inverse_std;
  }
}

unsigned column_blocks(int64_t columns) { return unsigned(divide_up(columns, block_columns)); }

}  // namespace

template <class T>
int queue(const DenseActivation<T>& args, int64_t rows, void* stream) {
  return launch(activate_rows<T>, row_blocks(rows), row_threads, 0, stream, args, rows);
}

template <class T>
int queue(const DenseNorm<T>& args, int64_t columns, void* stream) {
  return launch(norm_columns<T>, column_blocks(columns), threads, 0, stream, args);
}

template <class T>
int queue(const DenseDerivative<T>& args, int64_t columns, void* stream) {
  return launch(derivative_columns<T>, column_blocks(columns), threads, 0, stream, args);
}

#define NTM_FAST_INSTANTIATE(T)                                  \
  template int queue(const DenseActivation<T>&, int64_t, void*); \
  template int queue(const DenseNorm<T>&, int64_t, void*);       \
  template int queue(const DenseDerivative<T>&, int64_t, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
