// The forward: norms of the topics, then one pass over the nonzeros of each document, which gives
// p, its logarithm, count / p and the gradient of theta. The backward: one pass over the words.

#include "bow_mixture_log_likelihood.h"

#include "cpu/beta.h"
#include "cpu/simd/vector_rows.h"
#include "cpu/word_order.h"
#include "math/exp_log.h"
#include "math/split_norm.h"

NTM_FAST_ISA_BEGIN

namespace {

// The terms of one nonzero's p, where p underflows: theta[k] exp(exponent(k) - shift).
template <class T>
struct Underflown {
  const T *theta, *logits;
  TopicNorms<T> norms;
  T shift, sum;  // the largest log of a term, and the sum of the terms

  NTM_FAST_INLINE Underflown(const T* theta, const T* logits, const TopicNorms<T>& norms,
                             int64_t topics)
      : theta(theta), logits(logits), norms(norms), shift(-__builtin_inff()), sum(0) {
    for (int64_t k = 0; k < topics; ++k) {
      const T term = exponent(k) + log(theta[k]);
      shift = term <= shift || shift != shift ? shift : term;  // NaN stays
    }
    if (shift == -T(__builtin_inff())) shift = 0;  // p is zero
    for (int64_t k = 0; k < topics; ++k) {
      if (theta[k] != 0) sum += theta[k] * over_shift(k);
    }
  }

  // log beta of topic k
  NTM_FAST_INLINE T exponent(int64_t k) const {
    return (logits[k] - norms.value[k]) - norms.rest[k] / log2_e<T>;
  }
  NTM_FAST_INLINE T over_shift(int64_t k) const { return exp(exponent(k) - shift); }
};

// For a smaller p, the terms that exp2_bounded drops may matter, or count / p may overflow.
template <class T>
constexpr T smallest_p = sizeof(T) == 4 ? T(1e-28) : T(1e-280);

template <class T>
void underflown_document(const Mixture<T>& args, const T* theta, int64_t n, double& log_likelihood,
                         T* grad_theta) {
  const T* logits = args.topic_logits + args.batch.indices[n] * args.topics;
  const Underflown<T> p(theta, logits, args.norms, args.topics);
  const T count = args.batch.counts[n];
  log_likelihood += double(count) * (double(p.shift) + log(double(p.sum)));
  for (int64_t k = 0; k < args.topics; ++k) grad_theta[k] += count / p.sum * p.over_shift(k);
}

// Finishes a document whose ratios hold p: returns its sum of count log p, and turns each p into
// count / p. Underflown nonzeros are marked -1.
template <class T>
NTM_FAST_INLINE double finish_document(const Csr<T>& batch, int64_t document, T* ratios) {
  constexpr int sums = 8;
  double partial[sums] = {};
  const auto finish = [&](int64_t n, int i) __attribute__((always_inline)) {
    const T p = ratios[n], q = p > 0 ? p : T(1), count = batch.counts[n];
    partial[i] += double(count * log(q));
    ratios[n] = p > 0 ? count / q : T(-1);
  };
  const int64_t end = batch.indptr[document + 1];
  int64_t n = batch.indptr[document];
  for (; n + sums <= end; n += sums) {
    NTM_FAST_SIMD for (int i = 0; i < sums; ++i) finish(n + i, i);
  }
  for (int i = 0; n < end; ++n, ++i) finish(n, i);
  double total = 0;
  for (int i = 0; i < sums; ++i) total += partial[i];
  return total;
}

template <class T>
NTM_FAST_INLINE void prefetch_logits(const Mixture<T>& args, int64_t n, int64_t end) {
  constexpr int64_t ahead = 3, line = 64 / sizeof(T);
  if (n + ahead >= end) return;
  const T* next = args.topic_logits + args.batch.indices[n + ahead] * args.topics;
  for (int64_t k = 0; k < args.topics; k += line) __builtin_prefetch(next + k);
}

// Stores a nonzero's p. True if count / p is to weigh beta; where p underflows, its terms are added
// here.
template <class T>
NTM_FAST_INLINE bool settle(const Mixture<T>& args, int64_t n, T p, const T* theta,
                            double& log_likelihood, T* underflown_gradient) {
  if (__builtin_expect(p >= smallest_p<T>, 1)) {
    args.ratios[n] = p;
    return true;
  }
  const bool counts = args.batch.counts[n] > 0;
  args.ratios[n] = counts ? T(-1) : T(1);
  if (counts) underflown_document(args, theta, n, log_likelihood, underflown_gradient);
  return false;
}

// Documents whose rows fit into VECTORS registers: beta and the gradient stay in them.
template <class T, int VECTORS>
void documents_in_registers(const Mixture<T>& args, int64_t first_document, int64_t last_document,
                            T* scratch) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const int64_t topics = args.topics, lanes = topics - (VECTORS - 1) * width;
  T *theta = scratch, *underflown = theta + args.row_stride;
  for (int64_t k = 0; k < args.row_stride; ++k) theta[k] = 0;
  for (int64_t document = first_document; document < last_document; ++document) {
    for (int64_t k = 0; k < topics; ++k) theta[k] = args.theta[document * topics + k];
    for (int64_t k = 0; k < args.row_stride; ++k) underflown[k] = 0;
    const int64_t begin = args.batch.indptr[document], end = args.batch.indptr[document + 1];
    double log_likelihood = 0;
    V gradient[VECTORS] = {};
    for (int64_t n = begin; n < end; ++n) {
      prefetch_logits(args, n, end);
      const T* logits = args.topic_logits + args.batch.indices[n] * topics;
      V beta[VECTORS], sums[2] = {};
#pragma GCC unroll 8
      for (int j = 0; j < VECTORS; ++j) {
        const T* from = logits + j * width;
        const V x = j == VECTORS - 1 ? load_part(from, lanes) : load(from);
        beta[j] = beta_of<T>(x, args.norms, j * width);
        sums[j % 2] += beta[j] * load(theta + j * width);  // theta is padded with zeros
      }
      const T p = sum_lanes<T>(sums[0] + sums[1]);
      if (!settle(args, n, p, theta, log_likelihood, underflown)) continue;
      const T ratio = args.batch.counts[n] / p;
#pragma GCC unroll 8
      for (int j = 0; j < VECTORS; ++j) gradient[j] += ratio * beta[j];
    }
    log_likelihood += finish_document(args.batch, document, args.ratios);
    args.log_likelihood[document] = T(log_likelihood);
    T* to = args.grad_theta + document * topics;
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; ++j) {
      const V total = gradient[j] + load(underflown + j * width);
      store_part(to + j * width, total, j == VECTORS - 1 ? lanes : width);
    }
  }
}

// Any number of topics: beta and the gradient in scratch.
template <class T>
void documents_in_memory(const Mixture<T>& args, int64_t first_document, int64_t last_document,
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
      prefetch_logits(args, n, end);
      const T* logits = args.topic_logits + args.batch.indices[n] * topics;
      V sum{};
      for (int64_t k = 0; k < whole; k += width) {
        const V b = beta_of<T>(load(logits + k), args.norms, k);
        store(beta + k, b);
        sum += b * load(theta + k);
      }
      if (lanes) {
        const V b = beta_of<T>(load_part(logits + whole, lanes), args.norms, whole);
        store(beta + whole, b);
        sum += b * load(theta + whole);
      }
      const T p = sum_lanes<T>(sum);
      if (!settle(args, n, p, theta, log_likelihood, gradient)) continue;
      const T ratio = args.batch.counts[n] / p;
      for (int64_t k = 0; k < topics; k += width) {
        store(gradient + k, load(gradient + k) + ratio * load(beta + k));
      }
    }
    log_likelihood += finish_document(args.batch, document, args.ratios);
    args.log_likelihood[document] = T(log_likelihood);
    for (int64_t k = 0; k < topics; ++k) args.grad_theta[document * topics + k] = gradient[k];
  }
}

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
