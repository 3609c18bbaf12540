#pragma once
// What the product decoder does to a block of words: rows of logits [words, row] of all documents.

#include "../bow_product_log_likelihood.h"
#include "vector_rows.h"

NTM_FAST_ISA_BEGIN

// Documents padded to whole registers: the part of a row that is computed with.
template <class T>
NTM_FAST_INLINE int64_t columns(const BowProductInputs<T>& in) {
  return (in.documents + Vector<T>::width - 1) / Vector<T>::width * Vector<T>::width;
}

template <class T>
NTM_FAST_INLINE T dot(const T* a, const T* b, int64_t n) {
  typename Vector<T>::type sum{};
  int64_t i = 0;
  for (; i + Vector<T>::width <= n; i += Vector<T>::width) sum += load(a + i) * load(b + i);
  if (i < n) sum += load_part(a + i, n - i) * load_part(b + i, n - i);
  return sum_lanes<T>(sum);
}

// Mean and biased variance of the block's raw logits over the documents. They come from centered
// hidden: what is left is a sum of squares, and the mean is that of hidden times the weight. The
// padding is 0 and adds nothing.
template <class T>
void block_statistics(const BowProductInputs<T>& in, int64_t first, int64_t words, const T* raw,
                      T* mean, T* var) {
  for (int64_t t = 0; t < words; ++t) {
    const T* row = raw + t * in.plan.row;
    typename Vector<T>::type squares{};
    for (int64_t d = 0; d < columns(in); d += Vector<T>::width) {
      const auto x = load(row + d);
      squares += x * x;
    }
    var[first + t] = sum_lanes<T>(squares) / T(in.documents);
    mean[first + t] = dot(in.weight + (first + t) * in.topics, in.hidden_mean, in.topics);
  }
}

// Per word of a block: z = (raw - center) * slope + shift, normalised = (raw - center) *
// inverse_std.
template <class T>
struct Affine {
  static constexpr int64_t arrays = 4;
  T *center, *inverse_std, *slope, *shift;

  NTM_FAST_INLINE Affine(T* memory, int64_t n)
      : center(memory), inverse_std(memory + n), slope(memory + 2 * n), shift(memory + 3 * n) {}

  // From the batch's own variance, or from what was given.
  void set(const BowProductInputs<T>& in, int64_t first, int64_t words, const T* batch_var) const {
    const bool normalise = in.batch_statistics || in.mean;
    for (int64_t t = 0; t < words; ++t) {
      const int64_t v = first + t;
      const T bias = in.bias ? in.bias[v] : T(0);
      const T var = in.batch_statistics ? batch_var[v] : in.mean ? in.var[v] : T(1);
      center[t] = in.batch_statistics ? T(0) : in.mean ? in.mean[v] - bias : -bias;
      inverse_std[t] = normalise ? T(1) / __builtin_sqrt(var + in.eps) : T(1);
      slope[t] = inverse_std[t] * (normalise && in.scale ? in.scale[v] : T(1));
      shift[t] = normalise && in.shift ? in.shift[v] : T(0);
    }
  }
};

// The logits of WORDS words, the block's from t on, join the running maximum and sum of
// exponentials of each document.
template <int WORDS, class T>
void add_exponentials(const BowProductInputs<T>& in, const T* raw, const Affine<T>& affine,
                      int64_t t, T* maxima, T* sums) {
  using V = typename Vector<T>::type;
  const T *center = affine.center + t, *slope = affine.slope + t, *shift = affine.shift + t;
  raw += t * in.plan.row;
  for (int64_t d = 0; d < columns(in); d += Vector<T>::width) {
    const V old = load(maxima + d);
    V max = old, z[WORDS];
#pragma GCC unroll 16
    for (int i = 0; i < WORDS; ++i) {
      z[i] = (load(raw + i * in.plan.row + d) - center[i]) * slope[i] + shift[i];
      max = z[i] > max ? z[i] : max;
    }
    V sum = load(sums + d) * exp_flushed(old - max);
#pragma GCC unroll 16
    for (int i = 0; i < WORDS; ++i) sum += exp_flushed(z[i] - max);
    store(maxima + d, max);
    store(sums + d, sum);
  }
}

template <class T>
NTM_FAST_INLINE void add_exponentials(const BowProductInputs<T>& in, int64_t words, const T* raw,
                                      const Affine<T>& affine, T* maxima, T* sums) {
  int64_t t = 0;
  for (; t + 12 <= words; t += 12) add_exponentials<12>(in, raw, affine, t, maxima, sums);
  for (; t + 4 <= words; t += 4) add_exponentials<4>(in, raw, affine, t, maxima, sums);
  for (; t < words; ++t) add_exponentials<1>(in, raw, affine, t, maxima, sums);
}

// The dense part -total_d p_dv of the gradients of the logits of word t, and their sums, plain and
// times (raw - center).
template <class T>
NTM_FAST_INLINE void dense_gradients(const BowProductBackward<T>& args, const T* raw,
                                     const Affine<T>& affine, int64_t t, T* grads, T* sum,
                                     T* product) {
  using V = typename Vector<T>::type;
  const T center = affine.center[t], slope = affine.slope[t], shift = affine.shift[t];
  V s{}, p{};
  for (int64_t d = 0; d < columns(args.in); d += Vector<T>::width) {
    const V distance = load(raw + d) - center, z = distance * slope + shift;
    const V g = -load(args.total + d) * exp_flushed(z - load(args.lse + d));
    store(grads + d, g);
    s += g;
    p += g * distance;
  }
  *sum = sum_lanes<T>(s);
  *product = sum_lanes<T>(p);
}

// Gradients of the normalised logits become those of the raw ones.
template <class T>
NTM_FAST_INLINE void through_normalisation(const BowProductInputs<T>& in, const T* raw, T sum,
                                           T product, T inverse_std, T slope, T* grads) {
  if (in.batch_statistics) {
    const T mean = sum / T(in.documents) * slope;
    const T tilt = product / T(in.documents) * inverse_std * slope;
    for (int64_t d = 0; d < columns(in); d += Vector<T>::width) {
      store(grads + d, load(grads + d) * slope - mean - load(raw + d) * tilt);
    }
  } else {
    for (int64_t d = 0; d < columns(in); d += Vector<T>::width) {
      store(grads + d, load(grads + d) * slope);
    }
  }
}

NTM_FAST_ISA_END
