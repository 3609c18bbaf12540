#include "log_dirichlet_rsvi.h"

#include "cpu/dirichlet_rows.h"

NTM_FAST_ISA_BEGIN

// log_gamma holds the draws for alpha + boost on entry; adds sum_i log(u_i) / (alpha + i) to it and
// fills slope, for elements first ... first + n - 1 of the output, which the arrays begin with.
template <class T>
void boost_block(const T* alpha, T* log_gamma, T* slope, uint64_t seed, int64_t boost,
                 int64_t first, int64_t n) {
  using Attempts = GammaAttempts<T>;
  using Row = RowLanes<T>;
  using Grade = typename Row::Grade;
  using V = typename Row::V;
  constexpr int lanes = Attempts::lanes, chunk = 128;
  constexpr T least = sizeof(T) == 4 ? T(-3e38) : T(-1.7e308);
  const T raised = T(boost) - T(1) / T(3);
  Attempts draws;  // for its words of Philox
  alignas(64) T a[chunk], terms[chunk], squares[chunk], gammas[chunk], slopes[chunk];
  for (int64_t begin = 0; begin < n; begin += chunk) {
    const int count = n - begin < chunk ? int(n - begin) : chunk;
    for (int i = 0; i < chunk; ++i) {
      a[i] = i < count ? alpha[begin + i] : T(1);
      gammas[i] = i < count ? log_gamma[begin + i] : T(0);
      terms[i] = squares[i] = T(0);
      draws.element[i] = uint64_t(first + begin + i);
    }
    draws.size = chunk;
    for (int64_t step = 0; step < boost; step += 4) {
      for (int i = 0; i < chunk; ++i) draws.round[i] = first_boost_round + uint64_t(step / 4);
      draws.draw_words(seed);
      const int words = boost - step < 4 ? int(boost - step) : 4;
      for (int i = 0; i < chunk; i += lanes) {
        V term = load<V>(terms + i), square = load<V>(squares + i);
        for (int word = 0; word < words; ++word) {
          const V inverse = T(1) / (load<V>(a + i) + T(step + word));
          const V part = negative_log<Grade>(uniform(draws.bits(word, i))) * inverse;
          term += part;
          square += part * inverse;
        }
        store(terms + i, term);
        store(squares + i, square);
      }
    }
    for (int i = 0; i < chunk; i += lanes) {
      const V d = load<V>(a + i) + raised, g = load<V>(gammas + i);
      const V root = Row::exponential((log_normal<Grade>(d) - g) * (T(1) / T(3)));
      store(slopes + i, (T(1.5) * root - T(.5)) / d + load<V>(squares + i));
      const V boosted = g - load<V>(terms + i);
      store(gammas + i, select(boosted < least, splat<V>(least), boosted));
    }
    for (int i = 0; i < count; ++i) {
      log_gamma[begin + i] = gammas[i];
      slope[begin + i] = slopes[i];
    }
  }
}

template <class T>
int64_t log_dirichlet_rsvi(const LogDirichletRsvi<T>& args, int64_t first_row, int64_t last_row) {
  const int64_t topics = args.topics, start = first_row * topics, rows = last_row - first_row;
  const int64_t n = rows * topics;
  constexpr T most = sizeof(T) == 4 ? T(3.4028234663852886e38) : T(1.7976931348623157e308);
  const T* alpha = args.alpha + start;
  T *log_theta = args.log_theta + start, *slope = args.slope + start;
  for (int64_t i = 0; i < n; ++i) {
    if (!(alpha[i] > T(0) && alpha[i] <= most)) return start + i;
    slope[i] = alpha[i] + T(args.boost);
  }
  gamma_sample_block(slope, log_theta, args.seed, start, n);
  boost_block(alpha, log_theta, slope, args.seed, args.boost, start, n);
  normalise_log_rows(log_theta, log_theta, rows, topics, [&](int64_t row) {
    const int64_t offset = row * topics;  // the first uniform outweighs the others
    normalise_tiny_row(alpha + offset, log_theta + offset, topics, [&](int64_t k) {
      return log_uniform<T>(args.seed, uint64_t(start + offset + k), first_boost_round, 0);
    });
  });
  return -1;
}

template <class T>
void log_dirichlet_rsvi_backward(const LogDirichletRsviBackward<T>& args, int64_t first_row,
                                 int64_t last_row) {
  const int64_t topics = args.topics, start = first_row * topics, rows = last_row - first_row;
  project_rows(args.grad_log_theta + start, args.log_theta + start, args.grad_alpha + start, rows,
               topics);
  const T* slope = args.slope + start;
  T* grad = args.grad_alpha + start;
  // A topic without a share has no gradient, even if its slope overflowed.
  NTM_FAST_SIMD for (int64_t i = 0; i < rows * topics; ++i) {
    grad[i] = grad[i] == T(0) ? T(0) : grad[i] * slope[i];
  }
}

#define NTM_FAST_INSTANTIATE(T)                                                      \
  template int64_t log_dirichlet_rsvi(const LogDirichletRsvi<T>&, int64_t, int64_t); \
  template void log_dirichlet_rsvi_backward(const LogDirichletRsviBackward<T>&, int64_t, int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
