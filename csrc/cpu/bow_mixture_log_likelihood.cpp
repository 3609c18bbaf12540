#include "../bow_mixture_log_likelihood.h"

#include "../math/split_norm.h"
#include "bow_mixture_documents.h"

NTM_FAST_ISA_BEGIN

namespace {

template <class T>
void underflown_word(const MixtureBackward<T>& args, int64_t place) {
  const int64_t word = args.batch.words[place], document = args.batch.documents[place];
  const T* theta = args.theta + document * args.row_stride;
  const Underflown<T> p(theta, args.topic_logits + word * args.topics, args.norms, args.topics);
  const T scale = args.grad_log_likelihood[document] * args.batch.counts[place] / p.sum;
  for (int64_t k = 0; k < args.topics; ++k) {
    if (theta[k] == 0) continue;
    args.grad_topic_logits[word * args.topics + k] += scale * theta[k] * p.over_shift(k);
  }
}

}  // namespace

template <class T>
void mixture_norms(const MixtureNorms<T>& args, int64_t first_block, int64_t last_block) {
  using V = typename Vector<T>::type;
  for (int64_t block = first_block; block < last_block; ++block) {
    const int64_t begin = block * mixture_words_per_block;
    const int64_t end =
        begin + mixture_words_per_block < args.words ? begin + mixture_words_per_block : args.words;
    for_panels<T>(args.topics,
                  [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
                    constexpr int vectors = decltype(count)::value;
                    constexpr int64_t width = Vector<T>::width;
                    V largest[vectors], sums[vectors] = {};
                    const auto each_row = [&](auto&& f) __attribute__((always_inline)) {
                      for (int64_t word = begin; word < end; ++word) {
                        const T* row = args.topic_logits + word * args.topics + first;
#pragma GCC unroll 8
                        for (int j = 0; j < vectors; ++j) {
                          const bool part = j == vectors - 1 && lanes > 0;
                          f(j, part ? load_part(row + j * width, lanes) : load(row + j * width));
                        }
                      }
                    };
#pragma GCC unroll 8
                    for (int j = 0; j < vectors; ++j) largest[j] = V{} - T(__builtin_inff());
                    each_row([&](int j, V x) __attribute__((always_inline)) {
                      largest[j] = x < largest[j] ? largest[j] : x;
                    });
                    V shift[vectors];  // the largest, but finite: -inf - -inf is no number
#pragma GCC unroll 8
                    for (int j = 0; j < vectors; ++j) {
                      shift[j] = largest[j] == -T(__builtin_inff()) ? V{} : largest[j];
                    }
                    each_row([&](int j, V x) __attribute__((always_inline)) {
                      sums[j] += exp2_bounded((x - shift[j]) * log2_e<T>);
                    });
                    T* maxima = args.maxima + block * args.topics + first;
                    T* totals = args.sums + block * args.topics + first;
#pragma GCC unroll 8
                    for (int j = 0; j < vectors; ++j) {
                      const int64_t n = j == vectors - 1 && lanes > 0 ? lanes : width;
                      store_part(maxima + j * width, largest[j], n);
                      store_part(totals + j * width, sums[j], n);
                    }
                  });
  }
}

template <class T>
void mixture_merge_norms(const MixtureNorms<T>& args, T* values, T* rests) {
  const int64_t blocks = (args.words + mixture_words_per_block - 1) / mixture_words_per_block;
  NTM_FAST_SIMD for (int64_t k = 0; k < args.topics; ++k) {
    T largest = args.maxima[k];
    for (int64_t b = 1; b < blocks; ++b) {
      const T x = args.maxima[b * args.topics + k];
      largest = x < largest ? largest : x;
    }
    const T shift = largest == -T(__builtin_inff()) ? T(0) : largest;
    double sum = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t i = b * args.topics + k;
      sum += double(args.sums[i]) * double(exp(args.maxima[i] - shift));
    }
    const SplitNorm<T> norm(double(shift), log(sum));
    values[k] = norm.value;
    rests[k] = T(norm.rest * log2_e<double>);
  }
}

template <class T>
void mixture_documents(const Mixture<T>& args, int64_t first_document, int64_t last_document,
                       T* scratch) {
  if (args.topics > max_row_vectors * Vector<T>::width) {
    documents_in_memory(args, first_document, last_document, scratch);
    return;
  }
  for_panels<T>(args.topics, [&](auto count, int64_t, int64_t) __attribute__((always_inline)) {
    documents_in_registers<T, decltype(count)::value>(args, first_document, last_document, scratch);
  });
}

template <class T>
void mixture_words(const MixtureBackward<T>& args, int64_t first_word, int64_t last_word) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const WordOrder<T>& batch = args.batch;
  int64_t next = first_distinct(batch, first_word);
  const int64_t first_place = batch.starts[next];
  for (int64_t word = first_word; word < last_word; ++word) {
    const bool occurs = next < batch.n_distinct && batch.distinct[next] == word;
    const int64_t begin = occurs ? batch.starts[next] : 0,
                  end = occurs ? batch.starts[next + 1] : 0;
    next += occurs;
    const T* logits = args.topic_logits + word * args.topics;
    T* gradient = args.grad_topic_logits + word * args.topics;
    for_panels<T>(
        args.topics, [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
          constexpr int vectors = decltype(count)::value;
          V sums[vectors];
#pragma GCC unroll 8
          for (int j = 0; j < vectors; ++j)
            sums[j] = -load(args.topic_gradients + first + j * width);
          add_rows<T>(
              sums, begin, end, 0,
              [&](int64_t i) __attribute__((always_inline)) { return args.coefficients[i]; },
              [&](int64_t i) __attribute__((always_inline)) {
                return args.theta + batch.documents[i] * args.row_stride + first;
              });
#pragma GCC unroll 8
          for (int j = 0; j < vectors; ++j) {
            const int64_t k = first + j * width;
            if (j == vectors - 1 && lanes > 0) {
              const V beta = beta_of<T>(load_part(logits + k, lanes), args.norms, k);
              store_part(gradient + k, beta * sums[j], lanes);
            } else {
              store(gradient + k, beta_of<T>(load(logits + k), args.norms, k) * sums[j]);
            }
          }
        });
  }
  if (!args.underflown) return;
  for (int64_t place = first_place; place < batch.starts[next]; ++place) {
    if (args.ratios[batch.positions[place]] < 0) underflown_word(args, place);
  }
}

#define NTM_FAST_INSTANTIATE(T)                                             \
  template void mixture_norms(const MixtureNorms<T>&, int64_t, int64_t);    \
  template void mixture_merge_norms(const MixtureNorms<T>&, T*, T*);        \
  template void mixture_documents(const Mixture<T>&, int64_t, int64_t, T*); \
  template void mixture_words(const MixtureBackward<T>&, int64_t, int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
