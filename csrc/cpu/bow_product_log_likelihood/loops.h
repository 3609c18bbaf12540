#pragma once
// The product decoder's loops over words, for any engine of matrix products (engine.cpp,
// engine_bf16.cpp). They take a block of words at a time: rows of logits [words, row], a row for
// each word with the logits of all documents.

#include "bow_product_log_likelihood.h"
#include "cpu/simd/vector_rows.h"

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

// Mean and biased variance of the block's raw logits over the documents. These come from centered
// hidden, so that the variance is a sum of squares; the mean is that of hidden times the weight.
// The padding is 0 and adds nothing.
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

  // From the batch's own variance, or from the given statistics.
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

NTM_FAST_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// First word of a group.
template <class T>
NTM_FAST_INLINE int64_t group_begin(const BowProductInputs<T>& in, int64_t group) {
  const int64_t block = in.plan.block_words, blocks = (in.words + block - 1) / block;
  return least(group * blocks / in.plan.groups * block, in.words);
}

template <class Engine>
BowProductPlan plan_for(int64_t documents, int64_t topics, int64_t words) {
  using T = typename Engine::Element;
  constexpr int64_t size = sizeof(T), block = Engine::block_words;
  BowProductPlan plan{};
  plan.row = bow_product_row(documents);
  plan.block_words = block;
  // Enough groups to spread over threads, but few enough that their partial sums are merged in a
  // small part of the time (at least group_words each) and fit in a little memory.
  constexpr int64_t group_words = 20 * block, most_groups = 32, partial_bytes = 7 << 19;
  int64_t groups = partial_bytes / (topics * plan.row * size);
  groups = groups < 8 ? 8 : least(groups, most_groups);
  groups = least(groups, (words + group_words - 1) / group_words);
  if (groups > 8) groups = groups / 8 * 8;  // equal shares for 2, 4 or 8 threads
  plan.groups = groups;
  // Gradients of a tile's logits stay in the second-level cache.
  constexpr int64_t tile_bytes = 192 * 1024;
  const int64_t tile_blocks = least(tile_bytes / size / plan.row / block, 16);
  plan.tile_words = (tile_blocks < 2 ? 2 : tile_blocks) * block;
  plan.packed_hidden = documents * topics + Engine::packed_size(documents, topics);
  const int64_t engine = Engine::scratch_size(plan, topics);
  plan.forward_scratch = block * (plan.row + Affine<T>::arrays) + engine;
  plan.backward_scratch = (plan.tile_words + block) * plan.row + block * Affine<T>::arrays + engine;
  return plan;
}

template <class Engine, class T>
void forward_group(const BowProductForward<T>& args, int64_t group, T* scratch) {
  const BowProductInputs<T>& in = args.in;
  const int64_t block = in.plan.block_words, row = in.plan.row;
  T* const block_raw = scratch;
  const Affine<T> affine(block_raw + block * row, block);
  const Engine engine(in, affine.center + Affine<T>::arrays * block);
  T* const maxima = args.group_max + group * row;
  T* const sums = args.group_sum + group * row;
  // Finite, so that a document whose logits are all -inf so far does not turn into NaN.
  const T lowest = sizeof(T) == 4 ? T(-0x1.fffffep127) : T(-0x1.fffffffffffffp1023);
  for (int64_t d = 0; d < row; ++d) {
    maxima[d] = lowest;
    sums[d] = T(0);
  }
  const int64_t end = group_begin(in, group + 1);
  int64_t n = in.group_starts[group];
  for (int64_t first = group_begin(in, group); first < end; first += block) {
    const int64_t words = least(block, end - first);
    T* const raw = args.raw ? args.raw + first * row : block_raw;
    engine.raw_logits(first, words, raw);
    if (args.raw) {  // nothing uninitialised leaves
      for (int64_t t = 0; t < words; ++t) {
        for (int64_t d = columns(in); d < row; ++d) raw[t * row + d] = T(0);
      }
    }
    if (in.batch_statistics) {
      block_statistics(in, first, words, raw, args.batch_mean, args.batch_var);
    }
    affine.set(in, first, words, args.batch_var);
    add_exponentials(in, words, raw, affine, maxima, sums);
    for (; n < in.group_starts[group + 1] && in.nonzeros.words[n] < first + words; ++n) {
      const int64_t t = in.nonzeros.words[n] - first, d = in.nonzeros.documents[n];
      args.nonzero_logits[in.nonzeros.positions[n]] =
          (raw[t * row + d] - affine.center[t]) * affine.slope[t] + affine.shift[t];
    }
  }
}

template <class Engine, class T>
void backward_group(const BowProductBackward<T>& args, int64_t group, T* scratch) {
  const BowProductInputs<T>& in = args.in;
  const int64_t block = in.plan.block_words, row = in.plan.row, tile_words = in.plan.tile_words;
  T* const tile = scratch;  // gradients of the logits, then of the raw logits
  T* const block_raw = tile + tile_words * row;
  const Affine<T> affine(block_raw + block * row, block);
  const Engine engine(in, affine.center + Affine<T>::arrays * block);
  T* const grad_hidden =
      args.group_grad_hidden ? args.group_grad_hidden + group * in.topics * row : nullptr;

  const int64_t begin = group_begin(in, group), end = group_begin(in, group + 1);
  const int64_t n_end = in.group_starts[group + 1];
  int64_t n = in.group_starts[group];
  for (int64_t tile_first = begin; tile_first < end; tile_first += tile_words) {
    const int64_t tile_end = least(tile_first + tile_words, end);
    for (int64_t first = tile_first; first < tile_end; first += block) {
      const int64_t words = least(block, tile_end - first);
      T* const grads = tile + (first - tile_first) * row;
      if (!args.raw) engine.raw_logits(first, words, block_raw);
      const T* const raw = args.raw ? args.raw + first * row : block_raw;
      affine.set(in, first, words, args.batch_var);
      for (int64_t t = 0; t < words; ++t) {
        const int64_t v = first + t;
        const T* const x = raw + t * row;
        T* const g = grads + t * row;
        T sum, product;
        // Gradients of the logits, grad_d * (x - N_d p): first the dense part, then where the word
        // occurs.
        dense_gradients(args, x, affine, t, g, &sum, &product);
        for (; n < n_end && in.nonzeros.words[n] == v; ++n) {
          const int64_t d = in.nonzeros.documents[n];
          const T gradient = args.grad[d] * in.nonzeros.counts[n];
          if (gradient == T(0)) continue;
          g[d] += gradient;
          sum += gradient;
          product += gradient * (x[d] - affine.center[t]);
        }
        product *= affine.inverse_std[t];
        if (args.grad_shift) args.grad_shift[v] = sum;
        if (args.grad_scale) args.grad_scale[v] = product;
        // Batch statistics take the mean away, and any bias with it.
        if (args.grad_bias) {
          args.grad_bias[v] = sum * (in.batch_statistics ? T(0) : affine.slope[t]);
        }
        if (in.batch_statistics || in.mean) {
          through_normalisation(in, x, sum, product, affine.inverse_std[t], affine.slope[t], g);
        }
      }
      if (args.grad_weight) engine.grad_weight(first, words, grads, args.grad_weight);
    }
    if (grad_hidden) {
      engine.grad_hidden(tile_first, tile_end - tile_first, tile, grad_hidden, tile_first > begin);
    }
  }
}

// Fills hidden_mean [topics] (with batch statistics, else 0) and the engine's packed copies of
// hidden less that mean.
template <class Engine, class T>
void pack_hidden(const BowProductInputs<T>& in, T* hidden_mean, T* packed) {
  T* const centered = packed + Engine::packed_size(in.documents, in.topics);
  constexpr int64_t most = 16;  // topics at a time, whose sums stay in registers
  for (int64_t k = 0; k < in.topics; ++k) hidden_mean[k] = T(0);
  for (int64_t first = 0; in.batch_statistics && first < in.topics; first += most) {
    const int64_t topics = least(in.topics - first, most);
    const T* const hidden = in.hidden + first;
    double means[most] = {};
    for (int64_t d = 0; d < in.documents; ++d) {
      for (int64_t k = 0; k < topics; ++k) means[k] += double(hidden[d * in.topics + k]);
    }
    for (int64_t k = 0; k < topics; ++k) {
      means[k] /= double(in.documents);
      hidden_mean[first + k] = T(means[k]);
    }
    for (int64_t d = 0; d < in.documents; ++d) {
      for (int64_t k = 0; k < topics; ++k) {
        const int64_t i = d * in.topics + k;
        centered[first + i] = T(double(hidden[i]) - means[k]);
      }
    }
  }
  Engine::pack(in.documents, in.topics, in.batch_statistics ? centered : in.hidden, packed);
}

// Rows [first, last) of grad_hidden [documents, topics]: the groups' partial sums, added. first is
// a multiple of 16.
template <class T>
void merge_grad_hidden(const BowProductBackward<T>& args, T* grad_hidden, int64_t first,
                       int64_t last) {
  const BowProductInputs<T>& in = args.in;
  const int64_t row = in.plan.row;
  for (int64_t d = first; d < last; d += row_padding) {
    const int64_t documents = least(row_padding, last - d);
    for (int64_t k = 0; k < in.topics; ++k) {
      const T* from = args.group_grad_hidden + k * row + d;
      DoubleLanes sums[row_padding / double_lanes] = {};
      for (int64_t group = 0; group < in.plan.groups; ++group, from += in.topics * row) {
#pragma GCC unroll 8
        for (int j = 0; j < row_padding / double_lanes; ++j) {
          sums[j] += load_double(from + j * double_lanes);
        }
      }
      for (int64_t j = 0; j < documents; ++j) {
        grad_hidden[(d + j) * in.topics + k] = T(sums[j / double_lanes][j % double_lanes]);
      }
    }
  }
}

template <class Engine, class T = typename Engine::Element>
BowProductKernels<T> kernels_of() {
  return {plan_for<Engine>, pack_hidden<Engine, T>, forward_group<Engine, T>,
          backward_group<Engine, T>, merge_grad_hidden<T>};
}

NTM_FAST_ISA_END
