// The forward: norms of the topics, then one pass over the nonzeros of each document. The backward:
// the nonzeros' coefficients, then beta * (sums by word - totals) in one stream over the logits,
// then the nonzeros whose p underflowed.

#include "bow_mixture_log_likelihood.h"
#include "cuda/beta.cuh"
#include "cuda/csr.cuh"
#include "math/exp_log.h"
#include "math/split_norm.h"

namespace ntm_fast {

namespace {

using namespace cuda;

// For a smaller p, terms that underflowed may matter, or count / p may overflow.
template <class T>
constexpr T smallest_p = sizeof(T) == 4 ? T(1e-28) : T(1e-280);

// The terms of one nonzero's p where p underflows: theta[k] exp(exponent(k) - shift). A warp
// makes it together.
template <class T>
struct Underflown {
  const T *theta, *logits, *norms;
  int64_t topics;
  T shift, sum;  // the largest log of a term, and the sum of the terms

  __device__ Underflown(const T* theta, const T* logits, const T* norms, int64_t topics)
      : theta(theta), logits(logits), norms(norms), topics(topics) {
    T most = -T(__builtin_inf());
    for (int64_t k = lane_index(); k < topics; k += warp_size) {
      const T term = exponent(k) + log(theta[k]);
      most = term <= most || most != most ? most : term;  // NaN stays
    }
    shift = warp_max(most);
    if (shift == -T(__builtin_inf())) shift = 0;  // p is zero
    T own = 0;
    for (int64_t k = lane_index(); k < topics; k += warp_size) {
      if (theta[k] != T(0)) own += theta[k] * over_shift(k);
    }
    sum = warp_sum(own);
  }

  // log beta of topic k
  __device__ __forceinline__ T exponent(int64_t k) const {
    return (logits[k] - norms[k]) - norms[topics + k] / log2_e<T>;
  }
  __device__ __forceinline__ T over_shift(int64_t k) const { return exp(exponent(k) - shift); }
};

constexpr int merge_parts = 32;

// A warp takes mixture_words_per_partial words of 32 topics.
template <class T>
__global__ void __launch_bounds__(row_threads) partial_norms(const CudaMixtureNorms<T> args) {
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
    merge_norms(const CudaMixtureNorms<T> args) {
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

// A block takes a document, its warps the nonzeros one after the other. Up to 32 COLUMNS topics'
// beta and gradient stay in the warp's registers; with more topics beta is computed twice.
template <class T, int COLUMNS>
__global__ void __launch_bounds__(row_threads) document_pass(const CudaMixture<T> args) {
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

constexpr int threads = 256, total_parts = 32, lane_topics = 4;

template <class T>
__global__ void __launch_bounds__(threads) scale_rows(const CudaMixtureTheta<T> args) {
  const int64_t n = args.documents * args.topics, stride = int64_t(gridDim.x) * threads;
  for (int64_t i = int64_t(blockIdx.x) * threads + threadIdx.x; i < n; i += stride) {
    args.grad_theta[i] = args.gradient[i / args.topics] * args.unit_grad_theta[i];
  }
}

template <class T>
__global__ void __launch_bounds__(threads) make_coefficients(const CudaMixtureTerms<T> args) {
  const int64_t stride = int64_t(gridDim.x) * threads;
  for (int64_t n = int64_t(blockIdx.x) * threads + threadIdx.x; n < args.nonzeros; n += stride) {
    const int32_t document = args.document_of[n];
    const T ratio = document < 0 ? T(0) : args.ratios[n];
    args.coefficients[n] = document < 0 || ratio < T(0) ? T(0) : args.gradient[document] * ratio;
  }
}

// A block has 32 topics: warp w sums every 32nd document from w on.
template <class T>
__global__ void __launch_bounds__(total_parts* warp_size)
    sum_totals(const CudaMixtureTerms<T> args) {
  __shared__ double parts[total_parts][warp_size];
  const int64_t topic = int64_t(blockIdx.x) * warp_size + lane_index();
  const int warp = int(threadIdx.x) / warp_size;
  const bool exists = topic < args.topics;
  double sum = 0;
#pragma unroll 8
  for (int64_t d = warp; exists && d < args.documents; d += total_parts) {
    const int64_t i = d * args.topics + topic;
    const double share = double(args.theta[i]), slope = double(args.unit_grad_theta[i]);
    const double gradient = double(args.gradient[d]);
    // Where theta is 0 the topic has no share, even if its gradient overflowed.
    sum += share == 0 ? 0. : gradient * (share * slope);
  }
  parts[warp][lane_index()] = sum;
  __syncthreads();
  if (warp != 0 || !exists) return;
  sum = 0;
  for (int w = 0; w < total_parts; ++w) sum += parts[w][lane_index()];
  args.totals[topic] = T(sum);
}

template <class T>
__global__ void __launch_bounds__(row_threads) finish_words(const CudaMixtureWords<T> args) {
  for (int64_t word = first_row(); word < args.words; word += row_stride()) {
    const T* const logits = args.topic_logits + word * args.topics;
    T* const gradients = args.grad_topic_logits + word * args.topics;
    for (int64_t first = lane_index(); first < args.topics; first += lane_topics * warp_size) {
      T values[lane_topics], sums[lane_topics];  // all are under way before the first is stored
#pragma unroll
      for (int j = 0; j < lane_topics; ++j) {
        const int64_t k = first + j * warp_size;
        values[j] = k < args.topics ? logits[k] : T(0);
        sums[j] = k < args.topics ? gradients[k] : T(0);
      }
#pragma unroll
      for (int j = 0; j < lane_topics; ++j) {
        const int64_t k = first + j * warp_size;
        if (k >= args.topics) continue;
        const T beta = beta_of(values[j], args.norms[k], args.norms[args.topics + k]);
        gradients[k] = beta * (sums[j] - args.totals[k]);
      }
    }
  }
}

// Adds the terms of nonzeros whose p underflowed. A warp looks at 32 places; those of a word whose
// list begins among them are all its own.
template <class T>
__global__ void __launch_bounds__(row_threads) add_underflown(const CudaMixtureWords<T> args) {
  const CudaWordOrder& order = args.order;
  for (int64_t group = first_row(); group * warp_size < order.nonzeros; group += row_stride()) {
    const int64_t first = group * warp_size;
    for (int i = 0; i < warp_size && first + i < order.nonzeros; ++i) {
      const int64_t start = first + i;
      const int32_t word = order.words[start];
      if (word < 0 || word >= args.words) continue;
      if (start > 0 && order.words[start - 1] == word) continue;
      for (int64_t place = start; place < order.nonzeros; place += warp_size) {
        const int64_t own = place + lane_index();
        const bool inside = own < order.nonzeros && order.words[own] == word;
        const int64_t position = inside ? order.positions[own] : 0;
        const int32_t own_document = inside ? order.documents[position] : -1;
        const bool underflown = own_document >= 0 && args.ratios[position] < T(0);
        for (unsigned left = __ballot_sync(~0u, underflown); left != 0; left &= left - 1) {
          const int lane = __ffs(int(left)) - 1;
          const int64_t n = __shfl_sync(~0u, position, lane);
          const int64_t document = __shfl_sync(~0u, own_document, lane);
          const T* const theta = args.theta + document * args.topics;
          const Underflown<T> p(theta, args.topic_logits + word * args.topics, args.norms,
                                args.topics);
          const T scale = args.gradient[document] * args.batch.counts[n] / p.sum;
          for (int64_t k = lane_index(); k < args.topics; k += warp_size) {
            if (theta[k] == T(0)) continue;
            args.grad_topic_logits[word * args.topics + k] += scale * theta[k] * p.over_shift(k);
          }
        }
        if (!__all_sync(~0u, inside)) break;
      }
    }
  }
}

}  // namespace

template <class T>
int mixture_norms_cuda(const CudaMixtureNorms<T>& args, void* stream) {
  const int64_t parts = divide_up(args.words, mixture_words_per_partial);
  const unsigned panels = unsigned(divide_up(args.topics, warp_size));
  const dim3 grid(row_blocks(parts), panels);
  return launch(partial_norms<T>, grid, row_threads, 0, stream, args);
}

template <class T>
int mixture_merge_norms_cuda(const CudaMixtureNorms<T>& args, void* stream) {
  const unsigned panels = unsigned(divide_up(args.topics, warp_size));
  return launch(merge_norms<T>, panels, merge_parts * warp_size, 0, stream, args);
}

template <class T>
int mixture_documents_cuda(const CudaMixture<T>& args, void* stream) {
  const int64_t row = args.topics * int64_t(sizeof(T)), fitting = mixture_shared_bytes / row;
  if (fitting == 0) return cudaErrorInvalidValue;
  const int64_t warps = fitting < warps_per_block ? fitting : warps_per_block;
  const auto kernel = args.topics <= 2 * warp_size   ? document_pass<T, 2>
                      : args.topics <= 4 * warp_size ? document_pass<T, 4>
                                                     : document_pass<T, 8>;
  return launch(kernel, unsigned(args.batch.documents), unsigned(warps * warp_size),
                size_t(warps * row), stream, args);
}

template <class T>
int mixture_theta_cuda(const CudaMixtureTheta<T>& args, void* stream) {
  const int64_t blocks = divide_up(args.documents * args.topics, threads);
  return launch(scale_rows<T>, grid_of(blocks), threads, 0, stream, args);
}

template <class T>
int mixture_terms_cuda(const CudaMixtureTerms<T>& args, void* stream) {
  const unsigned blocks = grid_of(divide_up(args.nonzeros, threads));
  if (const int failed = launch(make_coefficients<T>, blocks, threads, 0, stream, args)) {
    return failed;
  }
  const unsigned panels = unsigned(divide_up(args.topics, warp_size));
  return launch(sum_totals<T>, panels, total_parts * warp_size, 0, stream, args);
}

template <class T>
int mixture_words_cuda(const CudaMixtureWords<T>& args, void* stream) {
  if (const int failed =
          launch(finish_words<T>, row_blocks(args.words), row_threads, 0, stream, args)) {
    return failed;
  }
  const unsigned blocks = row_blocks(divide_up(args.order.nonzeros, warp_size));
  return launch(add_underflown<T>, blocks, row_threads, 0, stream, args);
}

#define NTM_FAST_INSTANTIATE(T)                                             \
  template int mixture_norms_cuda(const CudaMixtureNorms<T>&, void*);       \
  template int mixture_merge_norms_cuda(const CudaMixtureNorms<T>&, void*); \
  template int mixture_documents_cuda(const CudaMixture<T>&, void*);        \
  template int mixture_theta_cuda(const CudaMixtureTheta<T>&, void*);       \
  template int mixture_terms_cuda(const CudaMixtureTerms<T>&, void*);       \
  template int mixture_words_cuda(const CudaMixtureWords<T>&, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
