// The kernels beside the passes, most with one warp a document or a word: they center hidden, scale
// the words, and finish documents and words by merging the parts of a pass with the nonzeros.

#include "cuda/bow_product_log_likelihood/pieces.cuh"
#include "cuda/bow_product_log_likelihood/word_affine.cuh"
#include "cuda/csr.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

using cuda::Nonzero;
using cuda::NonzeroRange;
using cuda::row_threads;

constexpr int rows_per_block = row_threads / 32;
constexpr int lane_topics = 4, chunk = 32 * lane_topics;  // topics at a time, 32 apart in a lane

unsigned row_blocks(int64_t rows) { return unsigned(divide_up(rows, rows_per_block)); }

__device__ __forceinline__ int64_t row_of_warp() {
  return int64_t(blockIdx.x) * rows_per_block + threadIdx.x / 32;
}

// The sum over the warp, the same in every lane.
__device__ __forceinline__ double sum_lanes(double value) {
#pragma unroll
  for (int other = 16; other > 0; other /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, other);
  }
  return value;
}

// sums[j] += weight * rows[row, first_topic + 32 j + lane] for the row and weight that each of the
// first `lanes` lanes of the warp brings; those of weight 0 are left out. TOGETHER of them are
// under way at a time.
template <int TOGETHER, class T>
__device__ __forceinline__ void add_rows(const T* rows, int64_t topics, int64_t first_topic,
                                         int32_t row, T weight, int64_t lanes,
                                         T (&sums)[lane_topics]) {
  const int lane = threadIdx.x % 32, n = lanes < 32 ? int(lanes) : 32;
  for (int first = 0; first < n; first += TOGETHER) {
    T weights[TOGETHER], values[TOGETHER][lane_topics];
#pragma unroll
    for (int i = 0; i < TOGETHER; ++i) {
      const T w = __shfl_sync(0xffffffffu, weight, first + i);
      const int64_t from = int64_t(__shfl_sync(0xffffffffu, row, first + i)) * topics + first_topic;
      weights[i] = first + i < n ? w : T(0);
#pragma unroll
      for (int j = 0; j < lane_topics; ++j) {
        const bool wanted = weights[i] != T(0) && first_topic + 32 * j + lane < topics;
        values[i][j] = wanted ? rows[from + 32 * j + lane] : T(0);
      }
    }
#pragma unroll
    for (int i = 0; i < TOGETHER; ++i) {
#pragma unroll
      for (int j = 0; j < lane_topics; ++j) sums[j] += weights[i] * values[i][j];
    }
  }
}

// A block sums 32 topics, each of its 32 warps every 32nd row.
template <class T>
__global__ void __launch_bounds__(1024)
    column_means_kernel(const T* x, int64_t n, int64_t topics, T* means) {
  __shared__ double partial[32][33];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t k = int64_t(blockIdx.x) * 32 + lane;
  double sum = 0;
  if (k < topics) {
#pragma unroll 16
    for (int64_t row = warp; row < n; row += 32) sum += double(x[row * topics + k]);
  }
  partial[warp][lane] = sum;
  __syncthreads();
  if (warp > 0 || k >= topics) return;
  sum = 0;
  for (int w = 0; w < 32; ++w) sum += partial[w][lane];
  means[k] = T(sum / double(n));
}

template <class T>
__global__ void __launch_bounds__(256)
    center_kernel(const T* x, const T* means, int64_t elements, int64_t topics, T* centered) {
  const int64_t stride = int64_t(gridDim.x) * 256;
  for (int64_t i = int64_t(blockIdx.x) * 256 + threadIdx.x; i < elements; i += stride) {
    centered[i] = x[i] - means[i % topics];
  }
}

// Σ x (z - lse) of a document from logits of its own, all words': where they are large, Σ x z as
// one product loses all digits, and the largest logit of the pass may be rounded otherwise.
template <class T>
__device__ __noinline__ double likelihood_of_logits(const DocumentTerms<T>& terms, int64_t d) {
  const BowProductCuda<T>& in = terms.in;
  const T* const hidden = terms.hidden + d * in.topics;
  const auto logit = [&](int64_t v) {
    const T* const weight = in.weight + v * in.topics;
    T z = 0;
    for (int64_t k = 0; k < in.topics; ++k) z += hidden[k] * (terms.slope[v] * weight[k]);
    return double(z + terms.offset[v]);
  };
  double max = -double(INFINITY), total = 0, sum = 0;
  for (int64_t v = threadIdx.x % 32; v < in.words; v += 32) {
    const double z = logit(v);
    max = z <= max ? max : z;  // NaN stays
  }
  max = cuda::warp_max(max);
  for (int64_t v = threadIdx.x % 32; v < in.words; v += 32) total += exp(logit(v) - max);
  const double log_total = log(sum_lanes(total));
  const NonzeroRange range = cuda::nonzeros_of(in.batch, d);
  for (int64_t n = range.begin + threadIdx.x % 32; n < range.end; n += 32) {
    const Nonzero<T> nonzero(in.batch, n);
    if (nonzero.count == T(0)) continue;
    sum += double(nonzero.count) * ((logit(nonzero.word) - max) - log_total);
  }
  return sum_lanes(sum);
}

// Logits beyond which Σ x z as one product is not exact enough, and, with operands rounded for the
// tensor cores, any of it.
constexpr double large_logit = 1 << 12, largest_packed_logit = 1 << 20;

template <class T>
__global__ void __launch_bounds__(row_threads) document_terms_kernel(const DocumentTerms<T> terms) {
  const BowProductCuda<T>& in = terms.in;
  const int64_t d = row_of_warp();
  if (d >= in.documents) return;
  const int lane = threadIdx.x % 32;
  const auto place = [&](int64_t part) { return part * in.documents + d; };

  T max = terms.maxima[place(0)];
  for (int64_t p = lane; p < terms.parts; p += 32) {
    max = terms.maxima[place(p)] > max ? terms.maxima[place(p)] : max;
  }
  max = cuda::warp_max(max);
  double total = 0;
  for (int64_t p = lane; p < terms.parts; p += 32) {
    total += double(terms.totals[place(p)]) * exp(double(terms.maxima[place(p)] - max));
  }
  total = sum_lanes(total);
  const double size = max < T(0) ? -double(max) : double(max);
  const bool packed = in.operands != Operands::exact;
  const double log_total = packed && size > largest_packed_logit ? NAN : log(total);

  const NonzeroRange range = cuda::nonzeros_of(in.batch, d);
  double count = 0, likelihood = 0;  // Σ x and Σ x z
  for (int64_t n = range.begin + lane; n < range.end; n += 32) {
    const Nonzero<T> nonzero(in.batch, n);
    count += double(nonzero.count);
    if (nonzero.count != T(0)) likelihood += double(nonzero.count) * terms.offset[nonzero.word];
  }
  count = sum_lanes(count);
  for (int64_t k = 0; k < in.topics; k += chunk) {
    T words[lane_topics] = {};  // Σ_v x_dv scaled_v
    for (int64_t first = range.begin; first < range.end; first += 32) {
      const Nonzero<T> mine =
          first + lane < range.end ? Nonzero<T>(in.batch, first + lane) : Nonzero<T>();
      const T factor = mine.count != T(0) ? mine.count * terms.slope[mine.word] : T(0);
      add_rows<8>(in.weight, in.topics, k, int32_t(mine.word), factor, range.end - first, words);
    }
    double sums[lane_topics] = {};  // Σ_v p_dv scaled_v, times total
    for (int64_t first = 0; terms.residual && first < terms.parts; first += 32) {
      const int n = int(terms.parts - first < 32 ? terms.parts - first : 32);
      const double mine = lane < n ? exp(double(terms.maxima[place(first + lane)] - max)) : 0;
#pragma unroll 8
      for (int p = 0; p < n; ++p) {
        const double factor = __shfl_sync(0xffffffffu, mine, p);
        const T* const from = terms.sums + place(first + p) * in.topics + k;
#pragma unroll
        for (int j = 0; j < lane_topics; ++j) {
          if (k + 32 * j + lane < in.topics) sums[j] += factor * double(from[32 * j + lane]);
        }
      }
    }
#pragma unroll
    for (int j = 0; j < lane_topics; ++j) {
      const int64_t topic = k + 32 * j + lane, element = d * in.topics + topic;
      if (topic >= in.topics) continue;
      if (range.end > range.begin) likelihood += double(terms.hidden[element]) * double(words[j]);
      if (!terms.residual) continue;
      const double expected = count > 0 ? count * (sums[j] / total) : 0;
      terms.residual[element] = T(double(words[j]) - expected);
    }
  }
  likelihood = sum_lanes(likelihood) - count * double(max);
  likelihood -= count * log_total;
  if (size > large_logit && !packed && terms.log_likelihood && count > 0) {
    likelihood = likelihood_of_logits(terms, d);
  }
  if (lane > 0) return;
  if (terms.max) terms.max[d] = max;
  if (terms.log_total) terms.log_total[d] = T(log_total);
  if (terms.log_likelihood) {
    terms.log_likelihood[d] = T(count == 0 ? 0 : likelihood);
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    document_gradients_kernel(const BowProductCudaBackward<T> args, const T* residual,
                              T* column_scale, T* gradients) {
  const BowProductCuda<T>& in = args.in;
  const int64_t d = row_of_warp();
  if (d >= in.documents) return;
  const int lane = threadIdx.x % 32;
  const NonzeroRange range = cuda::nonzeros_of(in.batch, d);
  double count = 0;
  for (int64_t n = range.begin + lane; n < range.end; n += 32) {
    count += double(Nonzero<T>(in.batch, n).count);
  }
  count = sum_lanes(count);
  const T grad = args.grad[d];
  if (lane == 0) column_scale[d] = count == 0 ? T(0) : T(-double(grad) * count);
  if (!gradients) return;
  for (int64_t k = lane; k < in.topics; k += 32) {
    const int64_t element = d * in.topics + k;
    gradients[element] = grad * residual[element];
  }
}

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
int column_means(const T* x, int64_t n, int64_t topics, T* means, void* stream) {
  return launch(column_means_kernel<T>, unsigned(divide_up(topics, 32)), 1024, 0, stream, x, n,
                topics, means);
}

template <class T>
int center_hidden(const BowProductCuda<T>& in, T* means, T* centered, void* stream) {
  const int error = column_means(in.hidden, in.documents, in.topics, means, stream);
  if (error) return error;
  const int64_t elements = in.documents * in.topics;
  return launch(center_kernel<T>, grid_of(divide_up(elements, 256)), 256, 0, stream, in.hidden,
                static_cast<const T*>(means), elements, in.topics, centered);
}

template <class T>
int document_terms(const DocumentTerms<T>& terms, void* stream) {
  return launch(document_terms_kernel<T>, row_blocks(terms.in.documents), row_threads, 0, stream,
                terms);
}

template <class T>
int document_gradients(const BowProductCudaBackward<T>& args, const T* residual, T* column_scale,
                       T* gradients, void* stream) {
  return launch(document_gradients_kernel<T>, row_blocks(args.in.documents), row_threads, 0, stream,
                args, residual, column_scale, gradients);
}

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
  template int column_means(const T*, int64_t, int64_t, T*, void*);                               \
  template int center_hidden(const BowProductCuda<T>&, T*, T*, void*);                            \
  template int document_terms(const DocumentTerms<T>&, void*);                                    \
  template int document_gradients(const BowProductCudaBackward<T>&, const T*, T*, T*, void*);     \
  template int scale_words(const BowProductCuda<T>&, const T*, const T*, T*, const WordScale<T>&, \
                           void*);                                                                \
  template int word_terms(const WordTerms<T>&, void*);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace bow_product
}  // namespace ntm_fast
