// The forward: norms of the topics, then one pass over the nonzeros of each document.

#include "../math/split_norm.h"
#include "bow_mixture.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr int merge_parts = 32;

// A warp takes mixture_words_per_partial words of 32 topics.
template <class T>
__global__ void __launch_bounds__(row_threads) partial_norms(const DeviceMixtureNorms<T> args) {
  const int64_t topic = int64_t(blockIdx.y) * warp_size + lane_index();
  if (topic >= args.topics) return;
  const int64_t parts = (args.words + mixture_words_per_partial - 1) / mixture_words_per_partial;
  for (int64_t part = first_row(); part < parts; part += row_stride()) {
    const int64_t begin = part * mixture_words_per_partial;
    const int64_t end = begin + mixture_words_per_partial < args.words
                            ? begin + mixture_words_per_partial
                            : args.words;
    const T* const column = args.topic_logits + topic;
    T largest = -T(__builtin_inf());
#pragma unroll 16
    for (int64_t w = begin; w < end; ++w) {
      const T x = column[w * args.topics];
      largest = x < largest ? largest : x;
    }
    const T shift = largest == -T(__builtin_inf()) ? T(0) : largest;
    T sum = 0;
#pragma unroll 16
    for (int64_t w = begin; w < end; ++w) {
      sum += power_of_2((column[w * args.topics] - shift) * log2_e<T>);
    }
    args.maxima[part * args.topics + topic] = largest;
    args.sums[part * args.topics + topic] = sum;
  }
}

// A block merges the parts of 32 topics: warp w those of every 32nd part from w on.
template <class T>
__global__ void __launch_bounds__(merge_parts* warp_size)
    merge_norms(const DeviceMixtureNorms<T> args) {
  __shared__ T maxima[merge_parts][warp_size];
  __shared__ double sums[merge_parts][warp_size];
  const int64_t topic = int64_t(blockIdx.x) * warp_size + lane_index();
  const int64_t parts = (args.words + mixture_words_per_partial - 1) / mixture_words_per_partial;
  const int warp = int(threadIdx.x) / warp_size;
  const bool exists = topic < args.topics;
  T largest = -T(__builtin_inf());
#pragma unroll 8
  for (int64_t part = warp; exists && part < parts; part += merge_parts) {
    const T x = args.maxima[part * args.topics + topic];
    largest = x < largest ? largest : x;
  }
  maxima[warp][lane_index()] = largest;
  __syncthreads();
  for (int w = 0; w < merge_parts; ++w) {
    const T x = maxima[w][lane_index()];
    largest = x < largest ? largest : x;
  }
  const T shift = largest == -T(__builtin_inf()) ? T(0) : largest;
  double sum = 0;
#pragma unroll 8
  for (int64_t part = warp; exists && part < parts; part += merge_parts) {
    const int64_t i = part * args.topics + topic;
    sum += double(args.sums[i]) * double(exp(args.maxima[i] - shift));
  }
  sums[warp][lane_index()] = sum;
  __syncthreads();
  if (warp != 0 || !exists) return;
  sum = 0;
  for (int w = 0; w < merge_parts; ++w) sum += sums[w][lane_index()];
  const SplitNorm<T> norm(double(shift), log(sum));
  args.norms[topic] = norm.value;
  args.norms[args.topics + topic] = T(norm.rest * log2_e<double>);
}

// A block for each document, a warp for each of its nonzeros in turn; beta and the gradient of up
// to 32 COLUMNS topics stay in the warp's registers, more are taken by the panel, twice.
template <class T, int COLUMNS>
__global__ void __launch_bounds__(row_threads) document_pass(const DeviceMixture<T> args) {
  T* const gradients = dynamic_shared<T>();  // [warps, topics]
  __shared__ double likelihoods[warps_per_block];
  const int64_t document = blockIdx.x, topics = args.topics;
  const int warp = int(threadIdx.x) / warp_size, lane = lane_index();
  const int warps = int(blockDim.x) / warp_size;
  const T* const theta = args.theta + document * topics;
  T* const own_gradient = gradients + warp * topics;
  for (int64_t k = lane; k < topics; k += warp_size) own_gradient[k] = T(0);
  T weights[COLUMNS], values[COLUMNS], rests[COLUMNS], sums[COLUMNS];
  const bool in_registers = topics <= COLUMNS * warp_size;
  for (int j = 0; j < COLUMNS; ++j) {
    const int64_t k = lane + j * warp_size;
    const bool exists = in_registers && k < topics;
    weights[j] = exists ? theta[k] : T(0);
    values[j] = exists ? args.norms[k] : T(0);
    rests[j] = exists ? args.norms[topics + k] : T(0);
    sums[j] = T(0);
  }
  double likelihood = 0;
  const NonzeroRange range = nonzeros_of(args.batch, document);
  for (int64_t n = range.begin + warp; n < range.end; n += warps) {
    const Nonzero<T> nonzero(args.batch, n);
    const T* const logits = args.topic_logits + nonzero.word * topics;
    T beta[COLUMNS], p = 0;
    if (in_registers) {
      for (int j = 0; j < COLUMNS; ++j) {
        const int64_t k = lane + j * warp_size;
        beta[j] = k < topics ? beta_of(logits[k], values[j], rests[j]) : T(0);
        p += weights[j] * beta[j];
      }
    } else {
      for (int64_t k = lane; k < topics; k += warp_size) {
        p += theta[k] * beta_of(logits[k], args.norms[k], args.norms[topics + k]);
      }
    }
    p = warp_sum(p);
    if (nonzero.count == T(0)) {
      if (lane == 0) args.ratios[n] = T(0);
      continue;
    }
    if (p >= smallest_p<T>) {
      const T ratio = nonzero.count / p;
      if (in_registers) {
        for (int j = 0; j < COLUMNS; ++j) sums[j] += ratio * beta[j];
      } else {
        for (int64_t k = lane; k < topics; k += warp_size) {
          own_gradient[k] += ratio * beta_of(logits[k], args.norms[k], args.norms[topics + k]);
        }
      }
      if (lane == 0) {
        args.ratios[n] = ratio;
        likelihood += double(nonzero.count) * double(log(p));
      }
    } else {
      const Underflown<T> exact(theta, logits, args.norms, topics);
      for (int64_t k = lane; k < topics; k += warp_size) {
        own_gradient[k] += nonzero.count / exact.sum * exact.over_shift(k);
      }
      if (lane == 0) {
        args.ratios[n] = T(-1);
        likelihood += double(nonzero.count) * (double(exact.shift) + log(double(exact.sum)));
      }
    }
  }
  for (int j = 0; j < COLUMNS; ++j) {
    const int64_t k = lane + j * warp_size;
    if (in_registers && k < topics) own_gradient[k] += sums[j];
  }
  if (lane == 0) likelihoods[warp] = likelihood;
  __syncthreads();
  for (int64_t k = threadIdx.x; k < topics; k += blockDim.x) {
    T sum = 0;
    for (int w = 0; w < warps; ++w) sum += gradients[w * topics + k];
    args.grad_theta[document * topics + k] = sum;
  }
  if (threadIdx.x == 0) {
    for (int w = 1; w < warps; ++w) likelihood += likelihoods[w];
    args.log_likelihood[document] = T(likelihood);
  }
}

}  // namespace

template <class T>
int mixture_norms_cuda(const DeviceMixtureNorms<T>& args, void* stream) {
  const int64_t parts = divide_up(args.words, mixture_words_per_partial);
  const unsigned panels = unsigned(divide_up(args.topics, warp_size));
  const dim3 grid(row_blocks(parts), panels);
  return launch(partial_norms<T>, grid, row_threads, 0, stream, args);
}

template <class T>
int mixture_merge_norms_cuda(const DeviceMixtureNorms<T>& args, void* stream) {
  const unsigned panels = unsigned(divide_up(args.topics, warp_size));
  return launch(merge_norms<T>, panels, merge_parts * warp_size, 0, stream, args);
}

template <class T>
int mixture_documents_cuda(const DeviceMixture<T>& args, void* stream) {
  const int64_t row = args.topics * int64_t(sizeof(T)), fitting = mixture_shared_bytes / row;
  if (fitting == 0) return cudaErrorInvalidValue;
  const int64_t warps = fitting < warps_per_block ? fitting : warps_per_block;
  const auto kernel = args.topics <= 2 * warp_size   ? document_pass<T, 2>
                      : args.topics <= 4 * warp_size ? document_pass<T, 4>
                                                     : document_pass<T, 8>;
  return launch(kernel, unsigned(args.batch.documents), unsigned(warps * warp_size),
                size_t(warps * row), stream, args);
}

#define NTM_FAST_INSTANTIATE(T)                                               \
  template int mixture_norms_cuda(const DeviceMixtureNorms<T>&, void*);       \
  template int mixture_merge_norms_cuda(const DeviceMixtureNorms<T>&, void*); \
  template int mixture_documents_cuda(const DeviceMixture<T>&, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
