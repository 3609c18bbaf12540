#include "topic_overlap.h"

#include "cpu/beta.h"
#include "cpu/simd/panel_gemm.h"
#include "math/topic_overlap.h"

NTM_FAST_ISA_BEGIN

namespace {

// f(i, k, beta) for each register of the betas of words first_word + i.
template <class T, class F>
NTM_FAST_INLINE void each_panel(const TopicLifts<T>& lifts, int64_t first_word, int64_t words,
                                const F& f) {
  for_panels<T>(lifts.topics,
                [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
                  constexpr int vectors = decltype(count)::value;
                  const T* logits = lifts.topic_logits + first_word * lifts.topics + first;
                  for (int64_t i = 0; i < words; ++i, logits += lifts.topics) {
#pragma GCC unroll 8
                    for (int j = 0; j < vectors; ++j) {
                      const int64_t k = j * Vector<T>::width;
                      const bool part = j == vectors - 1 && lanes > 0;
                      f(i, first + k,
                        beta_of<T>(part ? load_part(logits + k, lanes) : load(logits + k),
                                   lifts.norms, first + k));
                    }
                  }
                });
}

}  // namespace

template <class T>
void overlap_norms(T* norms, double log_words, int64_t topics) {
  for (int64_t k = 0; k < topics; ++k) to_mean_of_one(log_words, norms[k], norms[topics + k]);
}

template <class T>
void overlap_gram(const OverlapGram<T>& args, int64_t first_word, int64_t last_word, T* scratch) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const TopicLifts<T>& lifts = args.lifts;
  const int64_t topics = lifts.topics, stride = lifts.row_stride;
  const Panels<T> panels(topics);
  T* const tile = scratch;
  for (int64_t begin = first_word; begin < last_word; begin += overlap_tile_words) {
    const int64_t left = last_word - begin;
    const int64_t words = left < overlap_tile_words ? left : overlap_tile_words;
    each_panel(lifts, begin, words,
               [&](int64_t i, int64_t k, V beta)
                   __attribute__((always_inline)) { store(tile + i * stride + k, beta); });
    for (int64_t i = 0; i < words; ++i) {
      T* row = tile + i * stride;
      V sum{};
      for (int64_t k = 0; k < topics; k += width) sum += load(row + k);
      const T scale = lift_scale(sum_lanes<T>(sum), topics);
      args.scales[begin + i] = scale;
      for (int64_t k = 0; k < topics; k += width) store(row + k, load(row + k) * scale);
    }
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t k = p * panels.most, end = k + panels.width(p);
      panel_gemm<T, true>(
          {tile, stride, tile + k, stride, words, args.gram + k, stride, 0, begin > first_word},
          end < topics ? end : topics, panels.width(p));
    }
  }
}

template <class T>
void overlap_value(const OverlapValue<T>& args) {
  const int64_t topics = args.topics, stride = args.row_stride;
  double *sums = args.scratch, *inverse_norms = sums + topics * topics;
  for (int64_t i = 0; i < topics; ++i) {
    double* row = sums + i * topics;
    for (int64_t j = i; j < topics; ++j) row[j] = 0;
    for (int64_t c = 0; c < args.chunks; ++c) {
      const T* gram = args.grams + (c * topics + i) * stride;
      NTM_FAST_SIMD for (int64_t j = i; j < topics; ++j) row[j] += double(gram[j]);
    }
    for (int64_t j = i + 1; j < topics; ++j) sums[j * topics + i] = row[j];
    inverse_norms[i] = inverse_norm(row[i]);
  }
  double total = 0;
  for (int64_t i = 0; i < topics; ++i) {
    T* to = args.gram_gradient + i * topics;
    OverlapRow row(inverse_norms[i], topics);
    for (int64_t j = 0; j < topics; ++j) {
      if (j != i) to[j] = T(row.take(sums[i * topics + j], inverse_norms[j]));
    }
    total += row.squares;
    to[i] = T(row.diagonal(row.squares));
  }
  *args.overlap = T(total / double(topics));
}

template <class T>
void overlap_backward(const OverlapBackward<T>& args, int64_t first_word, int64_t last_word,
                      T* scratch, double* column_sums) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const TopicLifts<T>& lifts = args.lifts;
  const int64_t topics = lifts.topics, stride = lifts.row_stride;
  T *tile = scratch, *slopes = tile + overlap_tile_words * stride,
    *sums = slopes + overlap_tile_words * stride;
  const Panels<T> panels(topics);
  for (int64_t k = 0; k < stride; ++k) column_sums[k] = 0;
  for (int64_t begin = first_word; begin < last_word; begin += overlap_tile_words) {
    const int64_t left = last_word - begin;
    const int64_t words = left < overlap_tile_words ? left : overlap_tile_words;
    each_panel(lifts, begin, words,
               [&](int64_t i, int64_t k, V beta) __attribute__((always_inline)) {
                 store(tile + i * stride + k, beta * args.scales[begin + i]);
               });
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t k = p * panels.most;
      panel_gemm<T, false>(
          {tile, stride, args.gram_gradient + k, stride, topics, slopes + k, stride, 0, false},
          words, panels.width(p));
    }
    for (int64_t k = 0; k < stride; ++k) sums[k] = 0;
    for (int64_t i = 0; i < words; ++i) {
      const T *lift = tile + i * stride, *slope = slopes + i * stride;
      V total{};
      for (int64_t k = 0; k < topics; k += width) total += load(lift + k) * load(slope + k);
      const T mean = slope_through_mean(sum_lanes<T>(total), args.scales[begin + i], topics);
      T* to = args.grad_topic_logits + (begin + i) * topics;
      for (int64_t k = 0; k < topics; k += width) {
        const V gradient = load(lift + k) * (load(slope + k) - mean);
        if (topics - k >= width) store(to + k, gradient);
        else store_part(to + k, gradient, topics - k);
        store(sums + k, load(sums + k) + gradient);
      }
    }
    NTM_FAST_SIMD for (int64_t k = 0; k < topics; ++k) column_sums[k] += double(sums[k]);
  }
}

template <class T>
void overlap_finish(const OverlapBackward<T>& args, const T* column_means, int64_t first_word,
                    int64_t last_word) {
  using V = typename Vector<T>::type;
  const int64_t topics = args.lifts.topics;
  T* const to = args.grad_topic_logits;
  each_panel(args.lifts, first_word, last_word - first_word,
             [&](int64_t i, int64_t k, V beta) __attribute__((always_inline)) {
               T* place = to + (first_word + i) * topics + k;
               const V part = beta * load(column_means + k);
               const int64_t lanes = topics - k;
               if (lanes >= Vector<T>::width) store(place, load(place) - part);
               else store_part(place, load_part(place, lanes) - part, lanes);
             });
}

#define NTM_FAST_INSTANTIATE(T)                                                             \
  template void overlap_norms(T*, double, int64_t);                                         \
  template void overlap_gram(const OverlapGram<T>&, int64_t, int64_t, T*);                  \
  template void overlap_value(const OverlapValue<T>&);                                      \
  template void overlap_backward(const OverlapBackward<T>&, int64_t, int64_t, T*, double*); \
  template void overlap_finish(const OverlapBackward<T>&, const T*, int64_t, int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
