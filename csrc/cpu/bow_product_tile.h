#pragma once
// Tiles of the product decoder: the logits of some words for all documents of the batch.

#include "../bow_product_log_likelihood.h"
#include "panel_gemm.h"
#include "vector_rows.h"

NTM_FAST_ISA_BEGIN

// A tile [words, documents] is stored by panels of documents, each panel [tile_words, width].
template <class T>
struct Tile {
  const BowProductInputs<T>& in;
  Panels<T> panels;
  int64_t first_word, words;

  NTM_FAST_INLINE Tile(const BowProductInputs<T>& inputs, int64_t tile)
      : in(inputs), panels(inputs.documents), first_word(tile * inputs.tile_words) {
    const int64_t left = in.words - first_word;
    words = left < in.tile_words ? left : in.tile_words;
  }
  NTM_FAST_INLINE T* panel(T* tile, int64_t p) const {
    return tile + in.tile_words * panels.first(p);
  }
  NTM_FAST_INLINE T* at(T* tile, int64_t word, int64_t document) const {
    const int64_t first = in.panel_first[document], width = in.panel_width[document];
    return tile + in.tile_words * first + word * width + (document - first);
  }
};

// Per word of a tile: z = (raw - center) * slope + shift; normalised = (raw - center) *
// inverse_std.
template <class T>
struct Affine {
  T *center, *inverse_std, *slope, *shift;

  NTM_FAST_INLINE Affine(T* memory, int64_t tile_words)
      : center(memory),
        inverse_std(memory + tile_words),
        slope(memory + 2 * tile_words),
        shift(memory + 3 * tile_words) {}

  // From the batch's own statistics, or from what was given.
  void set(const BowProductInputs<T>& in, int64_t first_word, int64_t words, const T* batch_mean,
           const T* batch_var) {
    for (int64_t t = 0; t < words; ++t) {
      const int64_t v = first_word + t;
      const T bias = in.bias ? in.bias[v] : T(0);
      const bool normalise = in.batch_statistics || in.mean;
      const T var = in.batch_statistics ? batch_var[v] : in.mean ? in.var[v] : T(1);
      center[t] = in.batch_statistics ? batch_mean[v] : in.mean ? in.mean[v] - bias : -bias;
      inverse_std[t] = normalise ? T(1) / __builtin_sqrt(var + in.eps) : T(1);
      slope[t] = inverse_std[t] * (normalise && in.scale ? in.scale[v] : T(1));
      shift[t] = normalise && in.shift ? in.shift[v] : T(0);
    }
  }
};

// raw [tile] = weight_tile . hidden
template <class T>
void raw_logits(const Tile<T>& tile, const T* packed_hidden, T* raw) {
  const int64_t topics = tile.in.topics;
  const T* weight = tile.in.weight + tile.first_word * topics;
  for (int64_t p = 0; p < tile.panels.count; ++p) {
    panel_gemm<T, false>(weight, topics, packed_hidden + tile.panels.first(p) * topics, topics,
                         tile.words, tile.panel(raw, p), tile.panels.width(p), false);
  }
}

// Calls f(place in the row of one word, document) for each vector of documents.
template <class T, class F>
NTM_FAST_INLINE void for_documents(const Tile<T>& tile, T* values, int64_t word, const F& f) {
  for (int64_t p = 0; p < tile.panels.count; ++p) {
    const int64_t width = tile.panels.width(p), first = tile.panels.first(p);
    T* row = tile.panel(values, p) + word * width;
    for (int64_t i = 0; i < width; i += Vector<T>::width) f(row + i, first + i);
  }
}

// Mean and biased variance of each word's raw logits over the documents of the batch. Padding holds
// hidden = 0, so raw = 0 there: it adds nothing to the sums, and `is_document` masks it in squares.
template <class T>
void batch_moments(const Tile<T>& tile, T* raw, const T* is_document, T* mean, T* var) {
  using V = typename Vector<T>::type;
  const T documents = T(tile.in.documents);
  for (int64_t t = 0; t < tile.words; ++t) {
    V sum{}, squares{};
    for_documents(tile, raw, t, [&](const T* x, int64_t) { sum += load(x); });
    const T m = sum_lanes<T>(sum) / documents;
    for_documents(tile, raw, t, [&](const T* x, int64_t d) {
      const V difference = (load(x) - m) * load(is_document + d);
      squares += difference * difference;
    });
    mean[t] = m;
    var[t] = sum_lanes<T>(squares) / documents;
  }
}

NTM_FAST_ISA_END
