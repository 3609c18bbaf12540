#include "bow_linear.h"

#include "cuda/csr.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr int most_threads = 256;

// A block for each document and panel of features, a thread for each feature.
template <class T>
__global__ void __launch_bounds__(most_threads) sum_rows(const CudaBowLinear<T> args) {
  constexpr int together = 8;
  const int64_t document = blockIdx.x;
  const int64_t feature = int64_t(blockIdx.y) * blockDim.x + threadIdx.x;
  const bool exists = feature < args.features;
  const NonzeroRange range = nonzeros_of(args.batch, document);
  T sum = 0;
  for (int64_t begin = range.begin; begin < range.end; begin += warp_size) {
    // Each lane looks up one nonzero; then their rows are read, several at a time.
    const int n = int(range.end - begin < warp_size ? range.end - begin : warp_size);
    const Nonzero<T> own =
        lane_index() < n ? Nonzero<T>(args.batch, begin + lane_index()) : Nonzero<T>();
    for (int first = 0; first < n; first += together) {
      T counts[together], values[together];
#pragma unroll
      for (int i = 0; i < together; ++i) {
        const int64_t word = __shfl_sync(~0u, own.word, first + i);
        counts[i] = __shfl_sync(~0u, own.count, first + i);
        const bool wanted = exists && first + i < n;
        values[i] = wanted ? args.weight[word * args.features + feature] : T(0);
      }
#pragma unroll
      for (int i = 0; i < together; ++i) sum += counts[i] * values[i];
    }
  }
  if (exists) args.output[document * args.features + feature] = sum;
}

// A block takes a document, its warps the nonzeros one after the other.
template <class T>
__global__ void __launch_bounds__(row_threads) row_products(const CudaBowLinearCounts<T> args) {
  const int64_t document = blockIdx.x;
  const NonzeroRange range = nonzeros_of(args.batch, document);
  const T* gradient = args.grad_output + document * args.features;
  for (int64_t n = range.begin + threadIdx.x / warp_size; n < range.end; n += warps_per_block) {
    const T* row = args.weight + Nonzero<T>(args.batch, n).word * args.features;
    T sum = 0;
    for (int64_t h = lane_index(); h < args.features; h += warp_size) sum += gradient[h] * row[h];
    sum = warp_sum(sum);
    if (lane_index() == 0) args.grad_counts[n] = sum;
  }
}

}  // namespace

template <class T>
int bow_linear_cuda(const CudaBowLinear<T>& args, void* stream) {
  const int64_t whole = divide_up(args.features, warp_size) * warp_size;
  const int64_t threads = whole < most_threads ? whole : most_threads;
  if (threads == 0) return cudaSuccess;
  const dim3 grid(unsigned(args.batch.documents), unsigned(divide_up(args.features, threads)));
  return launch(sum_rows<T>, grid, unsigned(threads), 0, stream, args);
}

template <class T>
int bow_linear_counts_cuda(const CudaBowLinearCounts<T>& args, void* stream) {
  return launch(row_products<T>, unsigned(args.batch.documents), row_threads, 0, stream, args);
}

#define NTM_FAST_INSTANTIATE(T)                                 \
  template int bow_linear_cuda(const CudaBowLinear<T>&, void*); \
  template int bow_linear_counts_cuda(const CudaBowLinearCounts<T>&, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
