#pragma once
// The product decoder's loops over words, for any engine of matrix products (bow_product_engine.h).

#include "bow_product_tile.h"

NTM_FAST_ISA_BEGIN

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
  if (groups > 8) groups = groups / 8 * 8;  // as many for each of 2, 4 or 8 threads
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
