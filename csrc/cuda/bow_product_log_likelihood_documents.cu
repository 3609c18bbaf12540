// The small kernels over rows: one warp a document, or a lane a topic.

#include "bow_product.cuh"
#include "bow_product_rows.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

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

#define INSTANTIATE(T)                                                 \
  template int column_means(const T*, int64_t, int64_t, T*, void*);    \
  template int center_hidden(const BowProductCuda<T>&, T*, T*, void*); \
  template int document_terms(const DocumentTerms<T>&, void*);         \
  template int document_gradients(const BowProductCudaBackward<T>&, const T*, T*, T*, void*);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace bow_product
}  // namespace ntm_fast
