#include "../bow_mixture_proportions.h"

#include "../math/special.h"
#include "pieces.h"
#include "vector_rows.h"

NTM_FAST_ISA_BEGIN

namespace {

using Doubles = Vector<double>::type;
constexpr int64_t width = Vector<double>::width;

// Nonzeros taken together: their rows are still in the cache when they are added up.
constexpr int64_t together = 64;

// Below the first, terms that were lost may matter; above the second, a sum may overflow.
constexpr double smallest_p = 1e-280, largest_ratio = 1e300, smallest_normal = 0x1p-1022,
                 largest_number = 0x1.fffffffffffffp1023;

// What is kept of one document at a time; rows are padded.
struct Working {
  double *gamma, *log_w, *w, *sums;  // w is exp(log_w), the largest of them 1
};

// A vector of a row, or (0 < lanes < width) the first lanes of one and zeros.
NTM_FAST_INLINE Doubles load_some(const double* from, int64_t lanes) {
  return lanes == width ? load(from) : load_part(from, lanes);
}
NTM_FAST_INLINE Doubles load_some(const float* from, int64_t lanes) {
  if (lanes == width) return load_double(from);
#if defined(__AVX512VL__)
  const auto half = (HalfFloatLanes)_mm256_maskz_loadu_ps(__mmask8((1u << lanes) - 1), from);
#else
  HalfFloatLanes half{};
  for (int i = 0; i < width; ++i) {
    if (i < lanes) half[i] = from[i];
  }
#endif
  return __builtin_convertvector(half, Doubles);
}

// The rows of a document's nonzeros: those of its words in beta, or copies that stand one after the
// other, whose columns then are whole vectors.
template <class T>
struct Rows {
  const T* base;
  const int32_t* words;  // null: copies
  int64_t stride, columns;

  NTM_FAST_INLINE const T* operator[](int64_t n) const {
    return base + (words ? int64_t(words[n]) : n) * stride;
  }
};

template <class T>
NTM_FAST_INLINE void prefetch(const Rows<T>& rows, int64_t n, int64_t first, int64_t columns) {
  constexpr int64_t line = 64 / int64_t(sizeof(T));
  const T* row = rows[n] + first;
#pragma GCC unroll 8
  for (int64_t k = 0; k < columns; k += line) __builtin_prefetch(row + k);
}

// p[i] = sum_k w[k] beta[k] of nonzero begin + i of n.
template <class T>
NTM_FAST_INLINE void likelihoods(const Rows<T>& rows, const double* w, int64_t begin, int64_t end,
                                 int64_t n, double* p) {
  constexpr int64_t ahead = 4;
  for_panels<double>(
      rows.columns, [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
        constexpr int vectors = decltype(count)::value;
        Doubles weights[vectors];
#pragma GCC unroll 8
        for (int j = 0; j < vectors; ++j) weights[j] = load(w + first + j * width);
        for (int64_t i = begin; i < end; ++i) {
          if (rows.words && i + ahead < n) prefetch(rows, i + ahead, first, vectors * width);
          const T* row = rows[i] + first;
          Doubles sums[2] = {};
#pragma GCC unroll 8
          for (int j = 0; j < vectors; ++j) {
            const bool part = j == vectors - 1 && lanes > 0;
            sums[j % 2] += weights[j] * load_some(row + j * width, part ? lanes : width);
          }
          const double sum = sum_lanes<double>(sums[0] + sums[1]);
          p[i - begin] = first == 0 ? sum : p[i - begin] + sum;
        }
      });
}

// sums[k] += w[k] sum_i ratios[i] beta[k] of nonzero begin + i
template <class T>
NTM_FAST_INLINE void add_shares(const Rows<T>& rows, const Working& working, int64_t begin,
                                int64_t end, const double* ratios) {
  for_panels<double>(rows.columns,
                     [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
                       constexpr int vectors = decltype(count)::value;
                       Doubles sums[vectors] = {};
                       for (int64_t i = begin; i < end; ++i) {
                         const double ratio = ratios[i - begin];
                         if (ratio == 0) continue;  // whatever the row holds
                         const T* row = rows[i] + first;
#pragma GCC unroll 8
                         for (int j = 0; j < vectors; ++j) {
                           const bool part = j == vectors - 1 && lanes > 0;
                           sums[j] += ratio * load_some(row + j * width, part ? lanes : width);
                         }
                       }
#pragma GCC unroll 8
                       for (int j = 0; j < vectors; ++j) {
                         double* const to = working.sums + first + j * width;
                         store(to, load(to) + load(working.w + first + j * width) * sums[j]);
                       }
                     });
}

// The same for one nonzero whose p underflows, or whose ratio is too large.
template <class T>
void add_underflown(const T* row, double count, int64_t topics, const Working& working) {
  const auto term = [&](int64_t k) __attribute__((always_inline)) {
    return working.log_w[k] + log(double(row[k]));
  };
  double shift = -__builtin_inf(), sum = 0;
  for (int64_t k = 0; k < topics; ++k) {
    const double x = term(k);
    shift = x <= shift || shift != shift ? shift : x;  // NaN stays
  }
  if (shift == -__builtin_inf()) return;  // no topic has the word
  for (int64_t k = 0; k < topics; ++k) sum += exp(term(k) - shift);
  for (int64_t k = 0; k < topics; ++k) {
    working.sums[k] += count * (exp(term(k) - shift) / sum);
  }
}

// gamma -> log w and w. Only the proportions of w matter, and its largest element is 1.
NTM_FAST_INLINE void update_weights(const Working& working, int64_t topics) {
  NTM_FAST_SIMD for (int64_t k = 0; k < topics; ++k) working.log_w[k] = digamma(working.gamma[k]);
  double largest = -__builtin_inf();
  for (int64_t k = 0; k < topics; ++k) {
    const double x = working.log_w[k];
    largest = x <= largest || largest != largest ? largest : x;  // NaN stays
  }
  NTM_FAST_SIMD for (int64_t k = 0; k < topics; ++k) {
    const double w = exp(working.log_w[k] - largest);
    working.w[k] = w < smallest_normal ? 0. : w;
  }
}

// One step of a document of n nonzeros.
template <class T, class C>
void update_gamma(const Rows<T>& rows, const C* counts, int64_t n, const double* prior,
                  int64_t topics, const Working& working) {
  for (int64_t k = 0; k < topics; ++k) working.sums[k] = 0;
  for (int64_t begin = 0; begin < n; begin += together) {
    const int64_t end = begin + together < n ? begin + together : n;
    double p[together], ratios[together];
    likelihoods(rows, working.w, begin, end, n, p);
    int some = 0, underflown = 0;
    NTM_FAST_SIMD for (int64_t i = 0; i < end - begin; ++i) {
      const double count = double(counts[begin + i]), ratio = count / p[i];
      const bool good = (p[i] >= smallest_p) & (p[i] <= largest_number) & (ratio <= largest_ratio);
      ratios[i] = good ? ratio : 0.;
      some |= good;
      underflown |= !good & (count > 0);
    }
    if (some) add_shares(rows, working, begin, end, ratios);
    if (__builtin_expect(!underflown, 1)) continue;
    for (int64_t i = begin; i < end; ++i) {
      if (counts[i] > 0 && ratios[i - begin] == 0) {
        add_underflown(rows[i], double(counts[i]), topics, working);
      }
    }
  }
  for (int64_t k = 0; k < topics; ++k) working.gamma[k] = prior[k] + working.sums[k];
}

// The rows of n nonzeros, copied one after the other.
template <class T>
NTM_FAST_INLINE Rows<double> copied(const Rows<T>& rows, int64_t n, int64_t stride, double* to) {
  constexpr int64_t ahead = 4;
  for (int64_t i = 0; i < n; ++i) {
    if (i + ahead < n) prefetch(rows, i + ahead, 0, rows.columns);
    const T* from = rows[i];
    double* const row = to + i * stride;
    for (int64_t k = rows.columns; k < stride; ++k) row[k] = 0;
    NTM_FAST_SIMD for (int64_t k = 0; k < rows.columns; ++k) row[k] = double(from[k]);
  }
  return {to, nullptr, stride, stride};
}

}  // namespace

template <class T>
void mixture_proportions(const MixtureProportions<T>& args, int64_t row_stride,
                         int64_t first_document, int64_t last_document, double* scratch) {
  const Working working{scratch, scratch + row_stride, scratch + 2 * row_stride,
                        scratch + 3 * row_stride};
  double* const copies = scratch + 4 * row_stride;
  const int64_t topics = args.topics, stride = (topics + width - 1) / width * width;
  for (int64_t k = 0; k < row_stride; ++k) working.w[k] = working.sums[k] = 0;  // the padding too
  for (int64_t document = first_document; document < last_document; ++document) {
    const int64_t begin = args.batch.indptr[document], n = args.batch.indptr[document + 1] - begin;
    const T* const counts = args.batch.counts + begin;
    const Rows<T> rows{args.beta, args.batch.indices + begin, topics, topics};
    const double length = sum(counts, n);
    const double* theta = args.theta + document * topics;
    for (int64_t k = 0; k < topics; ++k) working.gamma[k] = args.prior[k] + length * theta[k];
    const auto steps = [&](const auto& rows) __attribute__((always_inline)) {
      for (int64_t step = 0; step < args.steps; ++step) {
        update_weights(working, topics);
        update_gamma(rows, counts, n, args.prior, topics, working);
      }
    };
    if (args.steps > 1 && n <= mixture_proportions_copies / stride) {
      steps(copied(rows, n, stride, copies));
    } else {
      steps(rows);
    }
    const double total = sum(working.gamma, topics);
    double* to = args.proportions + document * topics;
    for (int64_t k = 0; k < topics; ++k) to[k] = working.gamma[k] / total;
  }
}

template void mixture_proportions(const MixtureProportions<float>&, int64_t, int64_t, int64_t,
                                  double*);
template void mixture_proportions(const MixtureProportions<double>&, int64_t, int64_t, int64_t,
                                  double*);

NTM_FAST_ISA_END
