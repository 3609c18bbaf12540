#include "../bow_product_log_likelihood.h"

#include "bow_product_tile.h"

NTM_FAST_ISA_BEGIN

namespace {

// Rows of grad_weight for the words of the tile, grads . hidden; `scratch` holds them by panels.
template <class T>
void write_grad_weight(const Tile<T>& tile, T* grads, const T* hidden_by_topic, T* scratch,
                       T* grad_weight) {
  const BowProductInputs<T>& in = tile.in;
  const Panels<T> topic_panels(in.topics);
  for (int64_t q = 0; q < topic_panels.count; ++q) {
    const int64_t first_topic = topic_panels.first(q), topic_width = topic_panels.width(q);
    T* out = scratch + in.tile_words * first_topic;
    for (int64_t p = 0; p < tile.panels.count; ++p) {
      const int64_t first = tile.panels.first(p), width = tile.panels.width(p);
      const int64_t depth = in.documents - first < width ? in.documents - first : width;
      panel_gemm<T, false>(tile.panel(grads, p), width,
                           hidden_by_topic + first_topic * in.documents + first * topic_width,
                           depth, tile.words, out, topic_width, p > 0);
    }
    const int64_t topics =
        in.topics - first_topic < topic_width ? in.topics - first_topic : topic_width;
    for (int64_t t = 0; t < tile.words; ++t) {
      T* row = grad_weight + (tile.first_word + t) * in.topics + first_topic;
      for (int64_t k = 0; k < topics; ++k) row[k] = out[t * topic_width + k];
    }
  }
}

}  // namespace

template <class T>
BowProductPlan bow_product_plan(int64_t documents, int64_t topics, int64_t words) {
  const Panels<T> panels(documents), topic_panels(topics);
  BowProductPlan plan{};
  plan.padded_documents = panels.columns();
  plan.document_panels = panels.count;
  // A tile of logits should stay in the second-level cache, and there should be enough tiles to
  // spread over threads; multiples of 24 suit every block of rows.
  constexpr int64_t tile_bytes = 256 * 1024, unit = 24, most_groups = 32;
  int64_t tile_words = tile_bytes / int64_t(sizeof(T)) / plan.padded_documents / unit * unit;
  const int64_t spread = (words / 16 + unit - 1) / unit * unit;
  if (tile_words > spread) tile_words = spread;
  plan.tile_words = tile_words < unit ? unit : tile_words;
  plan.tiles = (words + plan.tile_words - 1) / plan.tile_words;
  plan.groups = plan.tiles < most_groups ? plan.tiles : most_groups;
  plan.packed_hidden = topics * panels.columns() + documents * topic_panels.columns();
  const int64_t per_word = 4 + 2 + 2;
  plan.forward_scratch =
      plan.tile_words * (plan.padded_documents + per_word) + 2 * plan.padded_documents;
  plan.backward_scratch =
      plan.tile_words * (2 * plan.padded_documents + topic_panels.columns() + per_word);
  return plan;
}

template <class T>
void bow_product_pack(const BowProductInputs<T>& in, T* packed, int32_t* panel_first,
                      int32_t* panel_width) {
  const Panels<T> panels(in.documents), topic_panels(in.topics);
  // Panels of documents: [topics, width]
  for (int64_t p = 0; p < panels.count; ++p) {
    const int64_t first = panels.first(p), width = panels.width(p);
    for (int64_t d = first; d < first + width && d < in.documents; ++d) {
      panel_first[d] = int32_t(first);
      panel_width[d] = int32_t(width);
    }
    for (int64_t k = 0; k < in.topics; ++k) {
      for (int64_t i = 0; i < width; ++i) {
        const int64_t d = first + i;
        packed[first * in.topics + k * width + i] =
            d < in.documents ? in.hidden[d * in.topics + k] : T(0);
      }
    }
  }
  // Panels of topics: [documents, width]
  packed += in.topics * panels.columns();
  for (int64_t p = 0; p < topic_panels.count; ++p) {
    const int64_t first = topic_panels.first(p), width = topic_panels.width(p);
    for (int64_t d = 0; d < in.documents; ++d) {
      for (int64_t i = 0; i < width; ++i) {
        const int64_t k = first + i;
        packed[first * in.documents + d * width + i] =
            k < in.topics ? in.hidden[d * in.topics + k] : T(0);
      }
    }
  }
}

template <class T>
void bow_product_forward(const BowProductForward<T>& args, int64_t group, T* scratch) {
  using V = typename Vector<T>::type;
  const BowProductInputs<T>& in = args.in;
  const Panels<T> panels(in.documents);
  T* logits = scratch;
  T* is_document = logits + in.tile_words * panels.columns();
  T* tile_maxima = is_document + panels.columns();
  Affine<T> affine(tile_maxima + panels.columns(), in.tile_words);
  T* maxima = args.group_max + group * panels.columns();
  T* sums = args.group_sum + group * panels.columns();
  // Finite, so that a document whose logits are all -inf so far does not turn into NaN.
  const T lowest = sizeof(T) == 4 ? T(-3.4e38) : T(-1.7e308);
  for (int64_t d = 0; d < panels.columns(); ++d) {
    is_document[d] = T(d < in.documents);
    maxima[d] = lowest;
    sums[d] = T(0);
  }

  const int64_t first_tile = group * in.tiles / in.groups;
  const int64_t last_tile = (group + 1) * in.tiles / in.groups;
  for (int64_t i = first_tile; i < last_tile; ++i) {
    const Tile<T> tile(in, i);
    raw_logits(tile, args.packed_hidden, logits);
    if (in.batch_statistics) {
      batch_moments(tile, logits, is_document, args.batch_mean + tile.first_word,
                    args.batch_var + tile.first_word);
    }
    affine.set(in, tile.first_word, tile.words, args.batch_mean, args.batch_var);
    for (int64_t d = 0; d < panels.columns(); ++d) tile_maxima[d] = maxima[d];
    for (int64_t t = 0; t < tile.words; ++t) {
      const T center = affine.center[t], slope = affine.slope[t], shift = affine.shift[t];
      for_documents(tile, logits, t, [&](T* x, int64_t d) {
        const V z = (load(x) - center) * slope + shift, max = load(tile_maxima + d);
        store(x, z);
        store(tile_maxima + d, z > max ? z : max);
      });
    }
    for (int64_t d = 0; d < panels.columns(); d += Vector<T>::width) {
      const V max = load(tile_maxima + d);
      store(sums + d, load(sums + d) * exp_flushed(load(maxima + d) - max));
      store(maxima + d, max);
    }
    for (int64_t t = 0; t < tile.words; ++t) {
      for_documents(tile, logits, t, [&](const T* z, int64_t d) {
        store(sums + d, load(sums + d) + exp_flushed(load(z) - load(maxima + d)));
      });
    }
    for (int64_t n = in.tile_starts[i]; n < in.tile_starts[i + 1]; ++n) {
      args.nonzero_logits[in.nonzeros.positions[n]] =
          *tile.at(logits, in.nonzeros.words[n] - tile.first_word, in.nonzeros.documents[n]);
    }
  }
}

template <class T>
void bow_product_backward(const BowProductBackward<T>& args, int64_t group, T* scratch) {
  using V = typename Vector<T>::type;
  const BowProductInputs<T>& in = args.in;
  const Panels<T> panels(in.documents), topic_panels(in.topics);
  T* raw = scratch;
  T* grads = raw + in.tile_words * panels.columns();  // of the logits, then of the raw logits
  T* grad_weight = grads + in.tile_words * panels.columns();
  Affine<T> affine(grad_weight + in.tile_words * topic_panels.columns(), in.tile_words);
  T* sums = affine.shift + in.tile_words;  // of the gradients of each word's logits
  T* products = sums + in.tile_words;      // of those with the normalised logits
  const T* hidden_by_topic = args.packed_hidden + in.topics * panels.columns();
  const bool normalise = in.batch_statistics || in.mean;

  const int64_t first_tile = group * in.tiles / in.groups;
  const int64_t last_tile = (group + 1) * in.tiles / in.groups;
  for (int64_t i = first_tile; i < last_tile; ++i) {
    const Tile<T> tile(in, i);
    raw_logits(tile, args.packed_hidden, raw);
    affine.set(in, tile.first_word, tile.words, args.batch_mean, args.batch_var);
    // Gradient of the logits, grad_d * (x - N_d p): first the dense part.
    for (int64_t t = 0; t < tile.words; ++t) {
      const T center = affine.center[t], slope = affine.slope[t], shift = affine.shift[t];
      const T inverse_std = affine.inverse_std[t];
      V sum{}, product{};
      for_documents(tile, raw, t, [&](const T* x, int64_t d) {
        const V distance = load(x) - center;
        const V z = distance * slope + shift;
        const V g = -load(args.total + d) * exp_flushed(z - load(args.lse + d));
        store(grads + (x - raw), g);
        sum += g;
        product += g * (distance * inverse_std);
      });
      sums[t] = sum_lanes<T>(sum);
      products[t] = sum_lanes<T>(product);
    }
    // Then the words that occur.
    for (int64_t n = in.tile_starts[i]; n < in.tile_starts[i + 1]; ++n) {
      const int64_t d = in.nonzeros.documents[n], t = in.nonzeros.words[n] - tile.first_word;
      const T g = args.grad[d] * in.nonzeros.counts[n];
      if (g == T(0)) continue;
      *tile.at(grads, t, d) += g;
      sums[t] += g;
      products[t] += g * ((*tile.at(raw, t, d) - affine.center[t]) * affine.inverse_std[t]);
    }
    for (int64_t t = 0; t < tile.words; ++t) {
      const int64_t v = tile.first_word + t;
      if (args.grad_shift) args.grad_shift[v] = sums[t];
      if (args.grad_scale) args.grad_scale[v] = products[t];
      // Batch statistics take the mean away, and any bias with it.
      if (args.grad_bias)
        args.grad_bias[v] = in.batch_statistics ? T(0) : sums[t] * affine.slope[t];
    }
    // Through the normalisation.
    if (normalise) {
      const T inverse_documents = in.batch_statistics ? T(1) / T(in.documents) : T(0);
      for (int64_t t = 0; t < tile.words; ++t) {
        const T center = affine.center[t], slope = affine.slope[t];
        const T mean = sums[t] * inverse_documents;
        const T tilt = products[t] * inverse_documents * affine.inverse_std[t];
        for_documents(tile, raw, t, [&](const T* x, int64_t) {
          T* g = grads + (x - raw);
          store(g, slope * (load(g) - mean - (load(x) - center) * tilt));
        });
      }
    }
    if (args.grad_weight) {
      write_grad_weight(tile, grads, hidden_by_topic, grad_weight, args.grad_weight);
    }
    if (args.group_grad_hidden) {  // its share of grad_hidden^T = weight^T . grads
      T* grad_hidden = args.group_grad_hidden + group * in.topics * panels.columns();
      const T* weight = in.weight + tile.first_word * in.topics;
      for (int64_t p = 0; p < panels.count; ++p) {
        panel_gemm<T, true>(weight, in.topics, tile.panel(grads, p), tile.words, in.topics,
                            grad_hidden + panels.first(p) * in.topics, panels.width(p), true);
      }
    }
  }
}

template <class T>
void bow_product_merge_grad_hidden(const BowProductBackward<T>& args, T* grad_hidden,
                                   int64_t panel) {
  const BowProductInputs<T>& in = args.in;
  const Panels<T> panels(in.documents);
  const int64_t group_size = in.topics * panels.columns();
  const int64_t first = panels.first(panel), width = panels.width(panel);
  const int64_t documents = in.documents - first < width ? in.documents - first : width;
  for (int64_t k = 0; k < in.topics; ++k) {
    const T* from = args.group_grad_hidden + first * in.topics + k * width;
    double sums[max_panel_vectors * Vector<T>::width] = {};
    for (int64_t group = 0; group < in.groups; ++group) {
      NTM_FAST_SIMD for (int64_t j = 0; j < width; ++j) sums[j] += from[group * group_size + j];
    }
    for (int64_t j = 0; j < documents; ++j) grad_hidden[(first + j) * in.topics + k] = T(sums[j]);
  }
}

#define INSTANTIATE(T)                                                                \
  template BowProductPlan bow_product_plan<T>(int64_t, int64_t, int64_t);             \
  template void bow_product_pack(const BowProductInputs<T>&, T*, int32_t*, int32_t*); \
  template void bow_product_forward(const BowProductForward<T>&, int64_t, T*);        \
  template void bow_product_backward(const BowProductBackward<T>&, int64_t, T*);      \
  template void bow_product_merge_grad_hidden(const BowProductBackward<T>&, T*, int64_t);

INSTANTIATE(float)
INSTANTIATE(double)

NTM_FAST_ISA_END
