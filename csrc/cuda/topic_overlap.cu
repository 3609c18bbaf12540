// topic_overlap except for its products: lifts, cosines, and the gradient from the slopes.

#include "topic_overlap.h"

#include "cuda/beta.cuh"
#include "cuda/rows.cuh"
#include "math/topic_overlap.h"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr int merge_parts = 32;

template <class T>
__global__ void __launch_bounds__(row_threads)
    center_norms(T* norms, double log_words, int64_t topics) {
  const int64_t k = int64_t(blockIdx.x) * row_threads + threadIdx.x;
  if (k < topics) to_mean_of_one(log_words, norms[k], norms[topics + k]);
}

template <class T>
__global__ void __launch_bounds__(row_threads) lift_words(const CudaOverlapLifts<T> args) {
  for (int64_t word = first_row(); word < args.words; word += row_stride()) {
    const T* const logits = args.topic_logits + word * args.topics;
    T* const lifts = args.lifts + word * args.topics;
    T sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      const T beta = beta_of(logits[k], args.norms[k], args.norms[args.topics + k]);
      lifts[k] = beta;
      sum += beta;
    }
    const T scale = lift_scale(warp_sum(sum), args.topics);
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) lifts[k] *= scale;
    if (args.scales && lane_index() == 0) args.scales[word] = scale;
  }
}

// A warp takes the cosines of a topic to all others.
template <class T>
__global__ void __launch_bounds__(row_threads) take_cosines(const CudaOverlapValue<T> args) {
  for (int64_t i = first_row(); i < args.topics; i += row_stride()) {
    const T* const gram = args.gram + i * args.topics;
    T* const gradient = args.gram_gradient + i * args.topics;
    OverlapRow row(inverse_norm(gram[i]), args.topics);
    for (int64_t j = lane_index(); j < args.topics; j += warp_size) {
      if (j == i) continue;
      gradient[j] = T(row.take(gram[j], inverse_norm(args.gram[j * args.topics + j])));
    }
    const double squares = warp_sum(row.squares);
    if (lane_index() == 0) {
      gradient[i] = T(row.diagonal(squares));
      args.squares[i] = T(squares);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(warp_size) sum_squares(const CudaOverlapValue<T> args) {
  double sum = 0;
  for (int64_t k = lane_index(); k < args.topics; k += warp_size) sum += double(args.squares[k]);
  sum = warp_sum(sum);
  if (lane_index() == 0) *args.overlap = T(sum / double(args.topics));
}

template <class T>
__global__ void __launch_bounds__(row_threads) slopes_to_logits(const CudaOverlapBackward<T> args) {
  const T grad = *args.grad_overlap;
  for (int64_t word = first_row(); word < args.words; word += row_stride()) {
    const T* const lifts = args.lifts + word * args.topics;
    T* const slopes = args.slopes + word * args.topics;
    T sum = 0;
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) sum += lifts[k] * slopes[k];
    const T mean = slope_through_mean(warp_sum(sum), args.scales[word], args.topics);
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      slopes[k] = grad * lifts[k] * (slopes[k] - mean);
    }
  }
}

// A warp takes overlap_words_per_partial words of 32 topics.
template <class T>
__global__ void __launch_bounds__(row_threads) partial_sums(const CudaOverlapBackward<T> args) {
  const int64_t topic = int64_t(blockIdx.y) * warp_size + lane_index();
  if (topic >= args.topics) return;
  const int64_t parts = (args.words + overlap_words_per_partial - 1) / overlap_words_per_partial;
  for (int64_t part = first_row(); part < parts; part += row_stride()) {
    const int64_t begin = part * overlap_words_per_partial;
    const int64_t end = begin + overlap_words_per_partial < args.words
                            ? begin + overlap_words_per_partial
                            : args.words;
    T sum = 0;
#pragma unroll 16
    for (int64_t w = begin; w < end; ++w) sum += args.slopes[w * args.topics + topic];
    args.partials[part * args.topics + topic] = sum;
  }
}

// A block merges the parts of 32 topics: warp w those of every 32nd part from w on.
template <class T>
__global__ void __launch_bounds__(merge_parts* warp_size)
    merge_means(const CudaOverlapBackward<T> args) {
  __shared__ double sums[merge_parts][warp_size];
  const int64_t topic = int64_t(blockIdx.x) * warp_size + lane_index();
  const int64_t parts = (args.words + overlap_words_per_partial - 1) / overlap_words_per_partial;
  const int warp = int(threadIdx.x) / warp_size;
  const bool exists = topic < args.topics;
  double sum = 0;
#pragma unroll 8
  for (int64_t part = warp; exists && part < parts; part += merge_parts) {
    sum += double(args.partials[part * args.topics + topic]);
  }
  sums[warp][lane_index()] = sum;
  __syncthreads();
  if (warp != 0 || !exists) return;
  sum = 0;
  for (int w = 0; w < merge_parts; ++w) sum += sums[w][lane_index()];
  args.column_means[topic] = T(sum / double(args.words));
}

template <class T>
__global__ void __launch_bounds__(row_threads) finish_words(const CudaOverlapBackward<T> args) {
  for (int64_t word = first_row(); word < args.words; word += row_stride()) {
    const T* const lifts = args.lifts + word * args.topics;
    T* const slopes = args.slopes + word * args.topics;
    const T scale = args.scales[word];
    for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
      slopes[k] -= lifts[k] / scale * args.column_means[k];
    }
  }
}

}  // namespace

template <class T>
int overlap_norms_cuda(T* norms, double log_words, int64_t topics, void* stream) {
  const unsigned blocks = unsigned(divide_up(topics, row_threads));
  return launch(center_norms<T>, blocks, row_threads, 0, stream, norms, log_words, topics);
}

template <class T>
int overlap_lifts_cuda(const CudaOverlapLifts<T>& args, void* stream) {
  return launch(lift_words<T>, row_blocks(args.words), row_threads, 0, stream, args);
}

template <class T>
int overlap_value_cuda(const CudaOverlapValue<T>& args, void* stream) {
  if (const int failed =
          launch(take_cosines<T>, row_blocks(args.topics), row_threads, 0, stream, args)) {
    return failed;
  }
  return launch(sum_squares<T>, 1, warp_size, 0, stream, args);
}

template <class T>
int overlap_backward_cuda(const CudaOverlapBackward<T>& args, void* stream) {
  const unsigned words = row_blocks(args.words);
  const unsigned panels = unsigned(divide_up(args.topics, warp_size));
  const dim3 parts(row_blocks(divide_up(args.words, overlap_words_per_partial)), panels);
  if (const int failed = launch(slopes_to_logits<T>, words, row_threads, 0, stream, args)) {
    return failed;
  }
  if (const int failed = launch(partial_sums<T>, parts, row_threads, 0, stream, args)) {
    return failed;
  }
  if (const int failed = launch(merge_means<T>, panels, merge_parts * warp_size, 0, stream, args)) {
    return failed;
  }
  return launch(finish_words<T>, words, row_threads, 0, stream, args);
}

#define NTM_FAST_INSTANTIATE(T)                                       \
  template int overlap_norms_cuda(T*, double, int64_t, void*);        \
  template int overlap_lifts_cuda(const CudaOverlapLifts<T>&, void*); \
  template int overlap_value_cuda(const CudaOverlapValue<T>&, void*); \
  template int overlap_backward_cuda(const CudaOverlapBackward<T>&, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
