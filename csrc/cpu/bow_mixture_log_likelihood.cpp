#include "../bow_mixture_log_likelihood.h"

#include "../math/exp_log.h"
#include "vector_rows.h"

NTM_FAST_ISA_BEGIN

namespace {

// Below this the terms that exp_flushed left out may matter, or count / p may overflow.
template <class T>
constexpr T smallest_p = sizeof(T) == 4 ? T(1e-28) : T(1e-280);

// The terms of one nonzero's p, where p underflows: weights[k] = theta[k] exp(logit[k] -
// log_norm[k]
// - shift), shift the largest exponent. Returns log p; *sum is the sum of the weights.
template <class T>
struct Underflown {
  T shift, sum;

  NTM_FAST_INLINE static T exponent(const T* logits, const T* log_norms, int64_t k) {
    return logits[k] - log_norms[k];
  }

  NTM_FAST_INLINE Underflown(const T* theta, const T* logits, const T* log_norms, int64_t topics)
      : shift(-__builtin_inff()), sum(0) {
    for (int64_t k = 0; k < topics; ++k) {
      const T term = exponent(logits, log_norms, k) + log(theta[k]);
      shift = term <= shift || shift != shift ? shift : term;  // NaN stays
    }
    if (shift == -T(__builtin_inff())) shift = 0;  // p is zero
    for (int64_t k = 0; k < topics; ++k) {
      if (theta[k] != 0) sum += theta[k] * over_shift(logits, log_norms, k);
    }
  }

  // exp(logit - log_norm - shift) of topic k.
  NTM_FAST_INLINE T over_shift(const T* logits, const T* log_norms, int64_t k) const {
    return exp(exponent(logits, log_norms, k) - shift);
  }
};

template <class T>
void underflown_document(const Mixture<T>& args, const T* theta, int64_t n, double& log_likelihood,
                         T* grad_theta) {
  const T* logits = args.topic_logits + args.batch.indices[n] * args.topics;
  const Underflown<T> p(theta, logits, args.log_norms, args.topics);
  const T count = args.batch.counts[n];
  log_likelihood += double(count) * (double(p.shift) + log(double(p.sum)));
  for (int64_t k = 0; k < args.topics; ++k) {
    grad_theta[k] += count / p.sum * p.over_shift(logits, args.log_norms, k);
  }
}

template <class T>
void underflown_word(const MixtureBackward<T>& args, int64_t place) {
  const int64_t word = args.batch.words[place], document = args.batch.documents[place];
  const T* logits = args.topic_logits + word * args.topics;
  const T* theta = args.theta + document * args.row_stride;
  const Underflown<T> p(theta, logits, args.log_norms, args.topics);
  const T scale = args.grad_log_likelihood[document] * args.batch.counts[place] / p.sum;
  for (int64_t k = 0; k < args.topics; ++k) {
    if (theta[k] == 0) continue;
    args.grad_topic_logits[word * args.topics + k] +=
        scale * theta[k] * p.over_shift(logits, args.log_norms, k);
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
    for_panels<T>(
        args.topics, [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
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
          each_row([&](int j, V x)
                       __attribute__((always_inline)) { sums[j] += exp_flushed(x - shift[j]); });
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
void mixture_merge_norms(const MixtureNorms<T>& args, T* log_norms) {
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
    log_norms[k] = T(double(shift) + log(sum));
  }
}

template <class T>
void mixture_documents(const Mixture<T>& args, int64_t first_document, int64_t last_document,
                       T* scratch) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const int64_t topics = args.topics, whole = topics / width * width, lanes = topics - whole;
  T *theta = scratch, *beta = theta + args.row_stride, *gradient = beta + args.row_stride;
  for (int64_t k = 0; k < args.row_stride; ++k) theta[k] = beta[k] = 0;
  for (int64_t document = first_document; document < last_document; ++document) {
    for (int64_t k = 0; k < topics; ++k) theta[k] = args.theta[document * topics + k];
    for (int64_t k = 0; k < args.row_stride; ++k) gradient[k] = 0;
    const int64_t begin = args.batch.indptr[document], end = args.batch.indptr[document + 1];
    double log_likelihood = 0;
    for (int64_t n = begin; n < end; ++n) {
      constexpr int64_t ahead = 3;
      if (n + ahead < end) {
        const T* next = args.topic_logits + args.batch.indices[n + ahead] * topics;
        for (int64_t k = 0; k < topics; k += 64 / int64_t(sizeof(T))) __builtin_prefetch(next + k);
      }
      const T* logits = args.topic_logits + args.batch.indices[n] * topics;
      V sum{};
      for (int64_t k = 0; k < whole; k += width) {
        const V b = exp_flushed(load(logits + k) - load(args.log_norms + k));
        store(beta + k, b);
        sum += b * load(theta + k);
      }
      if (lanes) {  // the padding of theta and log_norms is zero
        const V b = exp_flushed(load_part(logits + whole, lanes) - load(args.log_norms + whole));
        store(beta + whole, b);
        sum += b * load(theta + whole);
      }
      const T p = sum_lanes<T>(sum), count = args.batch.counts[n];
      if (p >= smallest_p<T>) {
        args.ratios[n] = p;
        const T ratio = count / p;
        for (int64_t k = 0; k < topics; k += width) {
          store(gradient + k, load(gradient + k) + ratio * load(beta + k));
        }
      } else if (count > 0) {
        args.ratios[n] = -1;
        underflown_document(args, theta, n, log_likelihood, gradient);
      } else {
        args.ratios[n] = 1;
      }
    }
    constexpr int sums = 8;
    double partial[sums] = {};
    const auto finish = [&](int64_t n, int i) __attribute__((always_inline)) {
      const T p = args.ratios[n], q = p > 0 ? p : T(1), count = args.batch.counts[n];
      partial[i] += double(count * log(q));
      args.ratios[n] = p > 0 ? count / q : T(-1);
    };
    int64_t n = begin;
    for (; n + sums <= end; n += sums) {
      NTM_FAST_SIMD for (int i = 0; i < sums; ++i) finish(n + i, i);
    }
    for (int i = 0; n < end; ++n, ++i) finish(n, i);
    for (int i = 0; i < sums; ++i) log_likelihood += partial[i];
    args.log_likelihood[document] = T(log_likelihood);
    for (int64_t k = 0; k < topics; ++k) args.grad_theta[document * topics + k] = gradient[k];
  }
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
            const V log_norm = load(args.log_norms + k);
            if (j == vectors - 1 && lanes > 0) {
              const V beta = exp_flushed(load_part(logits + k, lanes) - log_norm);
              store_part(gradient + k, beta * sums[j], lanes);
            } else {
              store(gradient + k, exp_flushed(load(logits + k) - log_norm) * sums[j]);
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
  template void mixture_merge_norms(const MixtureNorms<T>&, T*);            \
  template void mixture_documents(const Mixture<T>&, int64_t, int64_t, T*); \
  template void mixture_words(const MixtureBackward<T>&, int64_t, int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
