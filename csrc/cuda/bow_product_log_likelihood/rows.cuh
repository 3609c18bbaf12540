#pragma once
// What the kernels with one warp a document or a word share.

#include "bow_product.cuh"
#include "csr.cuh"

namespace ntm_fast {
namespace bow_product {

using cuda::Nonzero;
using cuda::NonzeroRange;
using cuda::row_threads;

constexpr int rows_per_block = row_threads / 32;
constexpr int lane_topics = 4, chunk = 32 * lane_topics;  // topics at a time, 32 apart in a lane

inline unsigned row_blocks(int64_t rows) { return unsigned(divide_up(rows, rows_per_block)); }

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

template <class T>
__device__ __forceinline__ T center_of(const BowProductCuda<T>& in, int64_t v) {
  if (in.batch_statistics) return T(0);  // hidden is centered instead
  const T bias = in.bias ? in.bias[v] : T(0);
  return in.mean ? in.mean[v] - bias : -bias;
}

// Logits of word v are hidden . (slope weight_v) + offset.
template <class T>
struct WordAffine {
  T inverse_std, slope, offset;

  __device__ __forceinline__ WordAffine(const BowProductCuda<T>& in, int64_t v, T batch_var) {
    const bool normalise = in.batch_statistics || in.mean;
    const T var = in.batch_statistics ? batch_var : in.mean ? in.var[v] : T(1);
    inverse_std = normalise ? T(1) / sqrt(var + in.eps) : T(1);
    slope = inverse_std * (normalise && in.scale ? in.scale[v] : T(1));
    offset = (normalise && in.shift ? in.shift[v] : T(0)) - center_of(in, v) * slope;
    // The mean takes the bias away, unless it is not finite.
    if (in.batch_statistics && in.bias) offset += T(0) * in.bias[v];
  }
  __device__ __forceinline__ void store(const WordScale<T>& words, int64_t v) const {
    words.inverse_std[v] = inverse_std;
    words.slope[v] = slope;
    words.offset[v] = offset;
  }
};

}  // namespace bow_product
}  // namespace ntm_fast
