#include "kl_rows.h"

#include "cpu/simd/row_pieces.h"
#include "math/kl_dirichlet.h"
#include "math/kl_gamma.h"
#include "math/kl_normal.h"
#include "math/kl_weibull_gamma.h"

NTM_FAST_ISA_BEGIN

// A piece of elements, of a row or of the sums of rows. A full piece of a row is read in place.
template <class Kl, class T, class Stored>
struct KlPiece {
  using Real = KlReal<Kl, T>;
  static constexpr int arguments = arguments_of<Kl>;
  const Stored* x[arguments];
  Stored own[arguments][piece];

  // Elements k, k + 1, ... of a row.
  NTM_FAST_INLINE void load(const Rows<T> (&from)[arguments], int64_t row, int64_t k, int count) {
    for (int j = 0; j < arguments; ++j) {
      x[j] = from[j].data + row * from[j].stride + k;
      if (count == piece) continue;
      load_piece(own[j], x[j], count);
      x[j] = own[j];
    }
  }

  // Sums of this many rows, at most a piece.
  NTM_FAST_INLINE void load_sums(const Rows<T> (&from)[arguments], int64_t first, int64_t rows,
                                 int64_t topics) {
    for (int j = 0; j < arguments; ++j) {
      for (int r = 0; r < piece; ++r) {
        own[j][r] = r < rows ? sum(from[j].data + (first + r) * from[j].stride, topics) : 1.;
      }
      x[j] = own[j];
    }
  }

  NTM_FAST_INLINE void terms(Real (&to)[piece]) const {
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) to[i] = term(i);
  }
  NTM_FAST_INLINE void terms(Real (&to)[piece], Real (&negative_parts)[piece]) const {
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) to[i] = term(i, negative_parts);
  }

  // Those of the first n arguments.
  template <int n>
  NTM_FAST_INLINE void gradients(Real grad, const Real (&of_sums)[arguments],
                                 Real (&to)[n][piece]) const {
    NTM_FAST_SIMD for (int i = 0; i < piece; ++i) gradient(i, grad, of_sums, to);
  }

 private:
  NTM_FAST_INLINE KlElement<Kl, T> element(int i) const {
    return KlElement<Kl, T>([&](int j) __attribute__((always_inline)) { return Real(x[j][i]); });
  }

  // Objects of a loop's own body would be kept in memory, and the loop not vectorised.
  NTM_FAST_INLINE Real term(int i) const { return element(i).term(); }
  NTM_FAST_INLINE Real term(int i, Real (&negative_parts)[piece]) const {
    const KlElement<Kl, T> x = element(i);
    negative_parts[i] = x.negative_part();
    return x.term();
  }

  template <int n>
  NTM_FAST_INLINE void gradient(int i, Real grad, const Real (&of_sums)[arguments],
                                Real (&to)[n][piece]) const {
    Real gradient[arguments];
    kl_gradient(element(i), grad, of_sums, gradient);
    for (int j = 0; j < n; ++j) to[j][i] = gradient[j];
  }
};

// A row's arguments: row(j, k) is argument j of element k.
template <class Kl, class T>
struct KlRow {
  const Rows<T>* arguments;
  int64_t row, topics;

  double operator()(int j, int64_t k) const {
    return double(arguments[j].data[row * arguments[j].stride + k]);
  }
  bool is_finite() const {
    bool finite = true;
    for (int j = 0; j < arguments_of<Kl>; ++j) {
      for (int64_t k = 0; k < topics; ++k) finite &= (*this)(j, k) - (*this)(j, k) == 0;
    }
    return finite;
  }
};

// A row's divergence where its terms cancel; `quick` stays where an argument is not finite.
template <class Kl, class T>
__attribute__((noinline)) double kl_of_row_exactly(const KlRow<Kl, T>& x, double quick) {
  if (!x.is_finite()) return quick;
  if constexpr (KlElement<Kl, T>::less_that_of_sums) {
    return kl_dirichlet_exactly(x, x.topics);
  } else {
    double sum = 0;
    for (int64_t k = 0; k < x.topics; ++k) {
      sum += KlElement<Kl, T>([&](int j) { return KlReal<Kl, T>(x(j, k)); }).exactly();
    }
    return sum;
  }
}

// Rows are taken by the piece too, so that the computations on their sums vectorise.
template <class Kl, class T>
void kl_rows(const KlRows<Kl, T>& args, int64_t first_row, int64_t last_row) {
  KlPiece<Kl, T, T> x;
  KlReal<Kl, T> terms[piece], negative_parts[piece];
  double kl[piece], parts[piece];
  for (int64_t first = first_row; first < last_row; first += piece) {
    const int64_t rows = last_row - first < piece ? last_row - first : piece;
    for (int64_t r = 0; r < rows; ++r) {
      KlReal<Kl, T> sums[piece] = {}, negative_sums[piece] = {};
      for_pieces(args.topics, [&](int64_t k, int count) __attribute__((always_inline)) {
        x.load(args.arguments, first + r, k, count);
        if constexpr (KlElement<Kl, T>::has_negative_part) {
          x.terms(terms, negative_parts);
          add_piece(negative_sums, negative_parts, count);
        } else {
          x.terms(terms);
        }
        add_piece(sums, terms, count);
      });
      kl[r] = sum(sums);
      parts[r] = kl[r];
      if constexpr (KlElement<Kl, T>::has_negative_part) parts[r] -= sum(negative_sums);
    }
    if constexpr (KlElement<Kl, T>::less_that_of_sums) {
      KlPiece<Kl, T, double> sums;
      sums.load_sums(args.arguments, first, rows, args.topics);
      sums.terms(terms);
      for (int64_t r = 0; r < rows; ++r) kl[r] -= terms[r];
    }
    for (int64_t r = 0; r < rows; ++r) {
      if (cancels(parts[r], kl[r])) {
        kl[r] = kl_of_row_exactly<Kl, T>({args.arguments, first + r, args.topics}, kl[r]);
      }
      args.kl[first + r] = T(kl[r]);
    }
  }
}

// The gradient to the first argument of a row whose slopes cancel (KlElement).
template <class Kl, class T>
__attribute__((noinline)) void slopes_of_row(const KlRow<Kl, T>& x, const KlElement<Kl, T>& sums,
                                             double grad, T* to) {
  for (int64_t k = 0; k < x.topics; ++k) {
    const KlElement<Kl, T> element([&](int j) { return x(j, k); });
    to[k] = T(grad * (element.slope() - sums.slope()));
  }
}

// To the first n arguments.
template <int n, class Kl, class T>
NTM_FAST_INLINE void gradients(const KlRowsBackward<Kl, T>& args, int64_t first_row,
                               int64_t last_row) {
  using Real = KlReal<Kl, T>;
  KlPiece<Kl, T, T> x;
  constexpr int all = arguments_of<Kl>;
  Real gradients[n][piece], of_sums[all][piece] = {}, of_sum[all], zero[all] = {};
  double sums_of[all][piece] = {};
  for (int64_t first = first_row; first < last_row; first += piece) {
    const int64_t rows = last_row - first < piece ? last_row - first : piece;
    if constexpr (KlElement<Kl, T>::less_that_of_sums) {
      KlPiece<Kl, T, double> sums;
      sums.load_sums(args.arguments, first, rows, args.topics);
      sums.gradients(1, zero, of_sums);
      for (int j = 0; j < all; ++j) {
        for (int r = 0; r < piece; ++r) sums_of[j][r] = sums.x[j][r];
      }
    }
    for (int64_t row = first; row < first + rows; ++row) {
      for (int j = 0; j < all; ++j) of_sum[j] = of_sums[j][row - first];
      for_pieces(args.topics, [&](int64_t k, int count) __attribute__((always_inline)) {
        x.load(args.arguments, row, k, count);
        x.gradients(args.grad_kl[row], of_sum, gradients);
        for (int j = 0; j < n; ++j) {
          T* const to = args.gradients[j];
          if (to) store_piece(to + row * args.topics + k, gradients[j], count);
        }
      });
      if constexpr (KlElement<Kl, T>::less_that_of_sums) {
        const KlElement<Kl, T> total([&](int j) { return sums_of[j][row - first]; });
        if (args.topics == 1) {  // the divergence is 0
          for (int j = 0; j < n; ++j) {
            if (args.gradients[j]) args.gradients[j][row] = T(args.grad_kl[row] * total.none());
          }
          continue;
        }
        if (args.gradients[0] && total.slopes_cancel()) {
          slopes_of_row<Kl, T>({args.arguments, row, args.topics}, total, args.grad_kl[row],
                               args.gradients[0] + row * args.topics);
        }
      }
    }
  }
}

template <class Kl, class T>
void kl_rows_backward(const KlRowsBackward<Kl, T>& args, int64_t first_row, int64_t last_row) {
  if (args.of_prior) gradients<arguments_of<Kl>>(args, first_row, last_row);
  else gradients<half_of<Kl>>(args, first_row, last_row);
}

#define NTM_FAST_INSTANTIATE_FOR(Kl, T)                          \
  template void kl_rows(const KlRows<Kl, T>&, int64_t, int64_t); \
  template void kl_rows_backward(const KlRowsBackward<Kl, T>&, int64_t, int64_t);
#define NTM_FAST_INSTANTIATE(Kl) \
  NTM_FAST_INSTANTIATE_FOR(Kl, float) NTM_FAST_INSTANTIATE_FOR(Kl, double)
NTM_FAST_EACH_KL(NTM_FAST_INSTANTIATE)

NTM_FAST_ISA_END
