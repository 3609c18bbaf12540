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

// Calls f(Count<N>, t) for words t .. t + N, few enough that their sums stay in registers, until
// all words of the block are done.
template <int MOST, class F>
NTM_FAST_INLINE void for_words(int64_t words, const F& f) {
  int64_t t = 0;
  for (; t + MOST <= words; t += MOST) f(Count<MOST>{}, t);
  for (; t < words; ++t) f(Count<1>{}, t);
}

// Mean and biased variance of the block's raw logits over the documents. They come from centered
// hidden: what is left is a sum of squares, and the mean is that of hidden times the weight. The
// padding is 0 and adds nothing.
template <class T>
void block_statistics(const BowProductInputs<T>& in, int64_t first, int64_t words, const T* raw,
                      T* mean, T* var) {
  for_words<4>(words, [&](auto count, int64_t t) {
    constexpr int n = decltype(count)::value;
    typename Vector<T>::type squares[n] = {};
    for (int64_t d = 0; d < columns(in); d += Vector<T>::width) {
#pragma GCC unroll 4
      for (int i = 0; i < n; ++i) {
        const auto x = load(raw + (t + i) * in.plan.row + d);
        squares[i] += x * x;
      }
    }
    for (int i = 0; i < n; ++i) {
      const int64_t v = first + t + i;
      var[v] = sum_lanes<T>(squares[i]) / T(in.documents);
      mean[v] = dot(in.weight + v * in.topics, in.hidden_mean, in.topics);
    }
  });
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
    const T* const var = in.batch_statistics ? batch_var : in.mean ? in.var : nullptr;
    const T* const mean = in.batch_statistics ? nullptr : in.mean;
    for (int64_t t = 0; t < words; ++t) {
      const T bias = in.bias ? in.bias[first + t] : T(0);
      center[t] = (mean ? mean[first + t] : T(0)) - (in.batch_statistics ? T(0) : bias);
      shift[t] = in.shift ? in.shift[first + t] : T(0);
      if (in.batch_statistics) shift[t] += bias * T(0);  // without effect, unless it is not finite
      slope[t] = in.scale ? in.scale[first + t] : T(1);
      inverse_std[t] = var ? var[first + t] + in.eps : T(1);
    }
    if (!var) return;
    NTM_FAST_SIMD for (int64_t t = 0; t < words; ++t) {
      inverse_std[t] = T(1) / square_root(inverse_std[t]);
      slope[t] *= inverse_std[t];
    }
  }
};

// The block's logits join the running maximum and sum of exponentials of each document.
template <class T>
void add_exponentials(const BowProductInputs<T>& in, int64_t words, const T* raw,
                      const Affine<T>& affine, T* maxima, T* sums) {
  using V = typename Vector<T>::type;
  for_words<12>(words, [&](auto count, int64_t t) {
    constexpr int n = decltype(count)::value;
    const T *center = affine.center + t, *slope = affine.slope + t, *shift = affine.shift + t;
    const T* const x = raw + t * in.plan.row;
    for (int64_t d = 0; d < columns(in); d += Vector<T>::width) {
      const V old = load(maxima + d);
      V max = old, z[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) {
        z[i] = (load(x + i * in.plan.row + d) - center[i]) * slope[i] + shift[i];
        max = z[i] > max ? z[i] : max;
      }
      V sum{};  // of the block first: fewer roundings than one running sum has
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) sum += exp_flushed(z[i] - max);
      store(maxima + d, max);
      store(sums + d, load(sums + d) * exp_flushed(old - max) + sum);
    }
  });
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
