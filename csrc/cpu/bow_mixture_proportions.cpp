#include "bow_mixture_proportions.h"

#include "cpu/simd/row_pieces.h"
#include "cpu/simd/vector_rows.h"
#include "math/special.h"

NTM_FAST_ISA_BEGIN

namespace {

// Nonzeros taken together: their rows are still in the first cache when they are added up, and sums
// in T have few terms.
constexpr int64_t together = 32;

// Below the first, terms that were lost may matter; above the second, a sum may overflow.
template <class T>
constexpr T smallest_p = sizeof(T) == 4 ? T(1e-28) : T(1e-280);
template <class T>
constexpr T largest_ratio = sizeof(T) == 4 ? T(1e30) : T(1e300);
template <class T>
constexpr T largest_number = sizeof(T) == 4 ? T(0x1.fffffep127) : T(0x1.fffffffffffffp1023);
template <class T>
constexpr double smallest_normal = sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022;

// Working memory for one document at a time; rows are padded.
template <class T>
struct Working {
  double *gamma, *log_w, *sums;
  T* w;  // exp(log_w), the largest of them 1
};

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
NTM_FAST_INLINE void likelihoods(const Rows<T>& rows, const T* w, int64_t begin, int64_t end,
                                 int64_t n, T* p) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width, ahead = 4;
  for_panels<T>(rows.columns,
                [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
                  constexpr int vectors = decltype(count)::value;
                  V weights[vectors];
#pragma GCC unroll 8
                  for (int j = 0; j < vectors; ++j) weights[j] = load(w + first + j * width);
                  for (int64_t i = begin; i < end; ++i) {
                    if (rows.words && i + ahead < n)
                      prefetch(rows, i + ahead, first, vectors * width);
                    const T* row = rows[i] + first;
                    V sums[2] = {};
#pragma GCC unroll 8
                    for (int j = 0; j < vectors; ++j) {
                      const bool part = j == vectors - 1 && lanes > 0;
                      const T* from = row + j * width;
                      sums[j % 2] += weights[j] * (part ? load_part(from, lanes) : load(from));
                    }
                    const T sum = sum_lanes<T>(sums[0] + sums[1]);
                    p[i - begin] = first == 0 ? sum : p[i - begin] + sum;
                  }
                });
}

// sums[k] += w[k] sum_i ratios[i] beta[k] of nonzero begin + i
template <class T>
NTM_FAST_INLINE void add_shares(const Rows<T>& rows, const Working<T>& working, int64_t begin,
                                int64_t end, const T* ratios) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  for_panels<T>(rows.columns,
                [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
                  constexpr int vectors = decltype(count)::value;
                  V sums[vectors] = {};
                  for (int64_t i = begin; i < end; ++i) {
                    const T ratio = ratios[i - begin];
                    if (ratio == 0) continue;  // whatever the row holds
                    const T* row = rows[i] + first;
#pragma GCC unroll 8
                    for (int j = 0; j < vectors; ++j) {
                      const bool part = j == vectors - 1 && lanes > 0;
                      const T* from = row + j * width;
                      sums[j] += ratio * (part ? load_part(from, lanes) : load(from));
                    }
                  }
                  T parts[vectors * width];
#pragma GCC unroll 8
                  for (int j = 0; j < vectors; ++j) store(parts + j * width, sums[j]);
                  NTM_FAST_SIMD for (int64_t k = 0; k < vectors * width; ++k) {
                    working.sums[first + k] += double(working.w[first + k]) * double(parts[k]);
                  }
                });
}

// Adds one nonzero's shares in log space, where p underflows or the ratio is too large.
template <class T>
void add_underflown(const T* row, double count, int64_t topics, const Working<T>& working) {
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
template <class T>
NTM_FAST_INLINE void update_weights(const Working<T>& working, int64_t topics) {
  NTM_FAST_SIMD for (int64_t k = 0; k < topics; ++k) working.log_w[k] = digamma(working.gamma[k]);
  double largest = -__builtin_inf();
  for (int64_t k = 0; k < topics; ++k) {
    const double x = working.log_w[k];
    largest = x <= largest || largest != largest ? largest : x;  // NaN stays
  }
  NTM_FAST_SIMD for (int64_t k = 0; k < topics; ++k) {
    const double w = exp(working.log_w[k] - largest);
    working.w[k] = T(w < smallest_normal<T> ? 0. : w);
  }
}

// One step of a document of n nonzeros.
template <class T>
void update_gamma(const Rows<T>& rows, const T* counts, int64_t n, const double* prior,
                  int64_t topics, const Working<T>& working) {
  for (int64_t k = 0; k < topics; ++k) working.sums[k] = 0;
  for (int64_t begin = 0; begin < n; begin += together) {
    const int64_t end = begin + together < n ? begin + together : n;
    T p[together], ratios[together];
    likelihoods(rows, working.w, begin, end, n, p);
    int some = 0, underflown = 0;
    NTM_FAST_SIMD for (int64_t i = 0; i < end - begin; ++i) {
      const T count = counts[begin + i], ratio = count / p[i];
      const bool large = p[i] >= smallest_p<T>, finite = p[i] <= largest_number<T>;
      const bool good = large & finite & (ratio <= largest_ratio<T>);
      ratios[i] = good ? ratio : T(0);
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
NTM_FAST_INLINE Rows<T> copied(const Rows<T>& rows, int64_t n, int64_t stride, T* to) {
  constexpr int64_t ahead = 4;
  for (int64_t i = 0; i < n; ++i) {
    if (i + ahead < n) prefetch(rows, i + ahead, 0, rows.columns);
    const T* from = rows[i];
    T* const row = to + i * stride;
    NTM_FAST_SIMD for (int64_t k = 0; k < rows.columns; ++k) row[k] = from[k];
    for (int64_t k = rows.columns; k < stride; ++k) row[k] = 0;
  }
  return {to, nullptr, stride, stride};
}

}  // namespace

template <class T>
void mixture_proportions(const MixtureProportions<T>& args, int64_t row_stride,
                         int64_t first_document, int64_t last_document, double* scratch) {
  constexpr int64_t width = Vector<T>::width, line = 64 / int64_t(sizeof(T));
  const int64_t topics = args.topics, stride = (topics + width - 1) / width * width;
  const Working<T> working{scratch, scratch + row_stride, scratch + 2 * row_stride,
                           reinterpret_cast<T*>(scratch + 3 * row_stride)};
  T* copies = reinterpret_cast<T*>(scratch + 4 * row_stride);
  while (reinterpret_cast<uintptr_t>(copies) % (line * sizeof(T)) != 0) ++copies;
  for (int64_t k = 0; k < row_stride; ++k) working.w[k] = T(0);  // the padding too
  for (int64_t k = 0; k < row_stride; ++k) working.sums[k] = 0;
  for (int64_t document = first_document; document < last_document; ++document) {
    const int64_t begin = args.batch.indptr[document], n = args.batch.indptr[document + 1] - begin;
    const T* const counts = args.batch.counts + begin;
    const Rows<T> given{args.beta, args.batch.indices + begin, topics, topics};
    const double length = sum(counts, n);
    const double* theta = args.theta + document * topics;
    for (int64_t k = 0; k < topics; ++k) working.gamma[k] = args.prior[k] + length * theta[k];
    const bool fits = n * stride * int64_t(sizeof(T)) <= mixture_proportions_copies;
    const Rows<T> rows = fits && args.steps > 1 ? copied(given, n, stride, copies) : given;
    for (int64_t step = 0; step < args.steps; ++step) {
      update_weights(working, topics);
      update_gamma(rows, counts, n, args.prior, topics, working);
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
