#include "bow_mixture_proportions.h"

#include "cuda/csr.cuh"
#include "math/special.h"

namespace ntm_fast {

namespace {

using namespace cuda;

// Below the first, terms that were lost may matter; above the second, a sum may overflow.
constexpr double smallest_p = 1e-280, largest_ratio = 1e300, smallest_normal = 0x1p-1022;

// own[k] += count w[k] beta[k] / sum_j w[j] beta[j] in log space, by a warp; beta is a word's row.
template <class T>
__device__ void add_underflown(const T* beta, const double* log_w, double count, int64_t topics,
                               double* own) {
  const auto term = [&](int64_t k) { return log_w[k] + log(double(beta[k])); };
  double most = -__builtin_inf(), sum = 0;
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    const double x = term(k);
    most = x <= most || most != most ? most : x;  // NaN stays
  }
  const double shift = warp_max(most);
  if (shift == -__builtin_inf()) return;  // no topic has the word
  for (int64_t k = lane_index(); k < topics; k += warp_size) sum += exp(term(k) - shift);
  sum = warp_sum(sum);
  for (int64_t k = lane_index(); k < topics; k += warp_size) {
    own[k] += count * (exp(term(k) - shift) / sum);
  }
}

// A block takes a document, its warps the nonzeros one after the other. A row of up to 32 COLUMNS
// topics stays in the warp's registers, a longer one is read twice.
template <class T, int COLUMNS>
__global__ void __launch_bounds__(row_threads) all_steps(const CudaMixtureProportions<T> args) {
  __shared__ double totals[warps_per_block];
  const int64_t document = blockIdx.x, topics = args.topics;
  const int warp = int(threadIdx.x) / warp_size, lane = lane_index();
  const int warps = int(blockDim.x) / warp_size;
  double *const gamma = dynamic_shared<double>(), *const log_w = gamma + topics,
                *const w = log_w + topics, *const sums = w + topics;  // [warps, topics]
  double* const own = sums + warp * topics;
  const bool in_registers = topics <= COLUMNS * warp_size;

  const NonzeroRange range = nonzeros_of(args.batch, document);
  double length = 0;
  for (int64_t n = range.begin + threadIdx.x; n < range.end; n += blockDim.x) {
    length += double(Nonzero<T>(args.batch, n).count);
  }
  length = warp_sum(length);
  if (lane == 0) totals[warp] = length;
  __syncthreads();
  length = 0;
  for (int other = 0; other < warps; ++other) length += totals[other];
  const auto prior = [&](int64_t k) {
    const double a = args.prior[k];
    return a > 0 && a < __builtin_inf() ? a : __builtin_nan("");
  };
  for (int64_t k = threadIdx.x; k < topics; k += blockDim.x) {
    gamma[k] = prior(k) + length * args.theta[document * topics + k];
  }

  for (int64_t step = 0; step < args.steps; ++step) {
    for (int64_t k = threadIdx.x; k < topics; k += blockDim.x) log_w[k] = digamma(gamma[k]);
    for (int64_t k = lane; k < topics; k += warp_size) own[k] = 0;
    __syncthreads();
    double most = -__builtin_inf();
    for (int64_t k = lane; k < topics; k += warp_size) {
      most = log_w[k] <= most || most != most ? most : log_w[k];  // NaN stays
    }
    most = warp_max(most);
    for (int64_t k = threadIdx.x; k < topics; k += blockDim.x) {
      const double x = exp(log_w[k] - most);
      w[k] = x < smallest_normal ? 0. : x;
    }
    __syncthreads();
    for (int64_t n = range.begin + warp; n < range.end; n += warps) {
      const Nonzero<T> nonzero(args.batch, n);
      if (nonzero.count == T(0)) continue;
      const T* const beta = args.beta + nonzero.word * topics;
      double shares[COLUMNS], p = 0;
      if (in_registers) {
        for (int j = 0; j < COLUMNS; ++j) {
          const int64_t k = lane + j * warp_size;
          shares[j] = k < topics ? w[k] * double(beta[k]) : 0.;
          p += shares[j];
        }
      } else {
        for (int64_t k = lane; k < topics; k += warp_size) p += w[k] * double(beta[k]);
      }
      p = warp_sum(p);
      const double count = double(nonzero.count), ratio = count / p;
      if (!(p >= smallest_p && p < __builtin_inf() && ratio <= largest_ratio)) {
        add_underflown(beta, log_w, count, topics, own);
      } else if (in_registers) {
        for (int j = 0; j < COLUMNS; ++j) {
          const int64_t k = lane + j * warp_size;
          if (k < topics) own[k] += ratio * shares[j];
        }
      } else {
        for (int64_t k = lane; k < topics; k += warp_size)
          own[k] += ratio * (w[k] * double(beta[k]));
      }
    }
    __syncthreads();
    for (int64_t k = threadIdx.x; k < topics; k += blockDim.x) {
      double sum = prior(k);
      for (int other = 0; other < warps; ++other) sum += sums[other * topics + k];
      gamma[k] = sum;
    }
    __syncthreads();
  }

  __syncthreads();
  double total = 0;
  for (int64_t k = lane; k < topics; k += warp_size) total += gamma[k];
  total = warp_sum(total);
  for (int64_t k = threadIdx.x; k < topics; k += blockDim.x) {
    args.proportions[document * topics + k] = gamma[k] / total;
  }
}

}  // namespace

template <class T>
int mixture_proportions_cuda(const CudaMixtureProportions<T>& args, void* stream) {
  const int64_t fitting = mixture_proportions_warps(args.topics);
  if (fitting < 1) return cudaErrorInvalidValue;
  const int64_t warps = fitting < warps_per_block ? fitting : warps_per_block;
  const auto kernel = args.topics <= 2 * warp_size   ? all_steps<T, 2>
                      : args.topics <= 4 * warp_size ? all_steps<T, 4>
                                                     : all_steps<T, 8>;
  const int64_t shared = (3 + warps) * args.topics * int64_t(sizeof(double));
  return launch(kernel, unsigned(args.batch.documents), unsigned(warps * warp_size), size_t(shared),
                stream, args);
}

template int mixture_proportions_cuda(const CudaMixtureProportions<float>&, void*);
template int mixture_proportions_cuda(const CudaMixtureProportions<double>&, void*);

}  // namespace ntm_fast
