// The kernels with one warp a word: how its weights are scaled, and what its nonzeros add to its
// gradients.

#include "bow_product.cuh"
#include "bow_product_rows.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

template <class T>
__global__ void __launch_bounds__(row_threads)
    scale_words_kernel(const BowProductCuda<T> in, const T* means, const T* batch_var,
                       T* batch_mean, const WordScale<T> words) {
  const int64_t v = row_of_warp();
  if (v >= in.words) return;
  const int lane = threadIdx.x % 32;
  const T* const weight = in.weight + v * in.topics;
  const WordAffine<T> affine(in, v, in.batch_statistics ? batch_var[v] : T(0));
  double sum = 0;
  for (int64_t k = lane; k < in.topics; k += 32) {
    if (batch_mean) sum += double(means[k]) * double(weight[k]);
    if (words.scaled) words.scaled[v * in.topics + k] = affine.slope * weight[k];
  }
  if (batch_mean) sum = sum_lanes(sum);
  if (lane > 0) return;
  if (batch_mean) batch_mean[v] = T(sum);
  affine.store(words, v);
}

// First place among the sorted words that is not below `word`.
__device__ __forceinline__ int64_t first_place(const int32_t* sorted, int64_t n, int64_t word) {
  int64_t begin = 0, end = n;
  while (begin < end) {
    const int64_t middle = (begin + end) / 2;
    if (sorted[middle] < word) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

__global__ void __launch_bounds__(row_threads)
    starts_kernel(const int32_t* sorted, int64_t n, int64_t words, int32_t* starts) {
  const int64_t v = int64_t(blockIdx.x) * row_threads + threadIdx.x;
  if (v <= words) starts[v] = int32_t(first_place(sorted, n, v));
}

// sums[j] += Σ grad_d x_dv hidden_dk and total += Σ grad_d x_dv over groups of 32 places of a word
// from the first on, every stride-th; `total` is each lane's own share.
template <class T>
__device__ __forceinline__ void add_places(const WordTerms<T>& terms, NonzeroRange places,
                                           int64_t first, int64_t stride, int64_t k,
                                           T (&sums)[lane_topics], double& total) {
  const BowProductCuda<T>& in = terms.args.in;
  const int lane = threadIdx.x % 32;
  for (int64_t group = places.begin + 32 * first; group < places.end; group += 32 * stride) {
    int32_t document = 0;
    T weight = T(0);
    if (group + lane < places.end) {
      const int64_t position = terms.args.order.positions[group + lane];
      const int32_t known = terms.args.order.documents[position];
      const T count = in.batch.counts[position];
      document = known < 0 ? 0 : known;
      if (known >= 0 && cuda::is_count(count) && count != T(0)) {
        weight = count * terms.args.grad[document];
      }
      total += double(weight);
    }
    add_rows<4>(terms.hidden, in.topics, k, document, weight, places.end - group, sums);
  }
}

// A word that many documents hold is shared by the warps of its block.
template <class T>
__global__ void __launch_bounds__(row_threads) word_terms_kernel(const WordTerms<T> terms) {
  constexpr int64_t frequent = 128;
  __shared__ NonzeroRange ranges[rows_per_block];
  __shared__ T shared_sums[rows_per_block][chunk];
  __shared__ double shared_totals[rows_per_block];
  const BowProductCudaBackward<T>& args = terms.args;
  const BowProductCuda<T>& in = args.in;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t v = row_of_warp();
  const bool exists = v < in.words;
  if (lane == 0) {
    ranges[warp] = {exists ? terms.starts[v] : 0, exists ? terms.starts[v + 1] : 0};
  }
  __syncthreads();

  double total = 0, product = 0;  // of grad z_dv, and of grad z_dv with hidden . weight
  const T slope = exists ? terms.words.slope[v] : T(0);
  // A word without nonzeros whose sums are its gradient already has nothing more to do.
  const bool products = terms.tilt || args.grad_scale;
  const bool done = !products && terms.sums == terms.grad_weight && slope == T(1) && exists &&
                    ranges[warp].begin == ranges[warp].end;
  for (int64_t k = 0; k < in.topics; k += chunk) {
    T sums[lane_topics] = {};
    double places_total = 0;
    for (int w = 0; w < rows_per_block; ++w) {
      const NonzeroRange range = ranges[w];
      if (range.end - range.begin <= frequent) {
        if (w == warp) add_places(terms, range, 0, 1, k, sums, places_total);
        continue;
      }
      T share[lane_topics] = {};
      double share_total = 0;
      add_places(terms, range, warp, rows_per_block, k, share, share_total);
      share_total = sum_lanes(share_total);
#pragma unroll
      for (int j = 0; j < lane_topics; ++j) shared_sums[warp][32 * j + lane] = share[j];
      if (lane == 0) shared_totals[warp] = share_total;
      __syncthreads();
      if (w == warp) {
        for (int other = 0; other < rows_per_block; ++other) {
#pragma unroll
          for (int j = 0; j < lane_topics; ++j) sums[j] += shared_sums[other][32 * j + lane];
          if (lane == 0) places_total += shared_totals[other];
        }
      }
      __syncthreads();
    }
    if (k == 0) total = places_total;
    if (!exists || !terms.sums || done) continue;
#pragma unroll
    for (int j = 0; j < lane_topics; ++j) {
      const int64_t topic = k + 32 * j + lane, element = v * in.topics + topic;
      if (topic >= in.topics) continue;
      double moment = double(sums[j]);
      for (int64_t p = 0; p < terms.parts; ++p) {
        moment += double(terms.sums[p * in.words * in.topics + element]);
      }
      if (products) product += moment * double(in.weight[element]);
      if (terms.grad_weight) terms.grad_weight[element] = slope * T(moment);
    }
  }
  if (!exists) return;
  total = sum_lanes(total);
  product = sum_lanes(product);
  if (lane > 0) return;
  for (int64_t p = 0; p < terms.parts; ++p) total += double(terms.totals[p * in.words + v]);
  const T inverse_std = terms.words.inverse_std[v];
  const double normalised = inverse_std * (product - double(center_of(in, v)) * total);
  if (args.grad_shift) args.grad_shift[v] = T(total);
  if (args.grad_scale) args.grad_scale[v] = T(normalised);
  if (args.grad_bias) args.grad_bias[v] = (in.batch_statistics ? T(0) : slope) * T(total);
  if (terms.tilt) terms.tilt[v] = T(double(slope) * inverse_std * normalised);
}

}  // namespace

template <class T>
int scale_words(const BowProductCuda<T>& in, const T* means, const T* batch_var, T* batch_mean,
                const WordScale<T>& words, void* stream) {
  return launch(scale_words_kernel<T>, row_blocks(in.words), row_threads, 0, stream, in, means,
                batch_var, batch_mean, words);
}

int word_starts(const int32_t* sorted_words, int64_t nonzeros, int64_t words, int32_t* starts,
                void* stream) {
  return launch(starts_kernel, unsigned(divide_up(words + 1, row_threads)), row_threads, 0, stream,
                sorted_words, nonzeros, words, starts);
}

template <class T>
int word_terms(const WordTerms<T>& terms, void* stream) {
  return launch(word_terms_kernel<T>, row_blocks(terms.args.in.words), row_threads, 0, stream,
                terms);
}

#define INSTANTIATE(T)                                                                            \
  template int scale_words(const BowProductCuda<T>&, const T*, const T*, T*, const WordScale<T>&, \
                           void*);                                                                \
  template int word_terms(const WordTerms<T>&, void*);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace bow_product
}  // namespace ntm_fast
