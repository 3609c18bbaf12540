// The backward: what the documents weigh, then beta * (sums by word - totals) in one stream over
// the logits, then what underflowed.

#include "bow_mixture.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr int threads = 256, total_parts = 32, lane_topics = 4;

template <class T>
__global__ void __launch_bounds__(threads) scale_rows(const DeviceMixtureTheta<T> args) {
  const int64_t n = args.documents * args.topics, stride = int64_t(gridDim.x) * threads;
  for (int64_t i = int64_t(blockIdx.x) * threads + threadIdx.x; i < n; i += stride) {
    args.grad_theta[i] = args.gradient[i / args.topics] * args.unit_grad_theta[i];
  }
}

template <class T>
__global__ void __launch_bounds__(threads) make_coefficients(const DeviceMixtureTerms<T> args) {
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
    sum_totals(const DeviceMixtureTerms<T> args) {
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
__global__ void __launch_bounds__(row_threads) finish_words(const DeviceMixtureWords<T> args) {
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
__global__ void __launch_bounds__(row_threads) add_underflown(const DeviceMixtureWords<T> args) {
  const DeviceWordOrder& order = args.order;
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
int mixture_theta_cuda(const DeviceMixtureTheta<T>& args, void* stream) {
  const int64_t blocks = divide_up(args.documents * args.topics, threads);
  return launch(scale_rows<T>, grid_of(blocks), threads, 0, stream, args);
}

template <class T>
int mixture_terms_cuda(const DeviceMixtureTerms<T>& args, void* stream) {
  const unsigned blocks = grid_of(divide_up(args.nonzeros, threads));
  if (const int failed = launch(make_coefficients<T>, blocks, threads, 0, stream, args)) {
    return failed;
  }
  const unsigned panels = unsigned(divide_up(args.topics, warp_size));
  return launch(sum_totals<T>, panels, total_parts * warp_size, 0, stream, args);
}

template <class T>
int mixture_words_cuda(const DeviceMixtureWords<T>& args, void* stream) {
  if (const int failed =
          launch(finish_words<T>, row_blocks(args.words), row_threads, 0, stream, args)) {
    return failed;
  }
  const unsigned blocks = row_blocks(divide_up(args.order.nonzeros, warp_size));
  return launch(add_underflown<T>, blocks, row_threads, 0, stream, args);
}

#define NTM_FAST_INSTANTIATE(T)                                         \
  template int mixture_theta_cuda(const DeviceMixtureTheta<T>&, void*); \
  template int mixture_terms_cuda(const DeviceMixtureTerms<T>&, void*); \
  template int mixture_words_cuda(const DeviceMixtureWords<T>&, void*);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

}  // namespace ntm_fast
