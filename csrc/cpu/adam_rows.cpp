#include "../adam.h"

#include "adam_step.h"

NTM_FAST_ISA_BEGIN

namespace {

// A panel of a row in registers.
template <class T, int VECTORS>
struct Panel {
  using V = typename Vector<T>::type;
  V parameter[VECTORS], average[VECTORS], square[VECTORS];

  template <class F>
  NTM_FAST_INLINE void each(const F& f) {
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; ++j) f(j, parameter[j], average[j], square[j]);
  }
};

template <class V>
NTM_FAST_INLINE V magnitude(V x) {
  return select(x < V{}, -x, x);
}

constexpr int64_t steps_between_looks = 8;

// The most that, taken off a number of size 1, leaves it as it is, with a factor of 4 to spare.
template <class T>
constexpr T unseen = sizeof(T) == 4 ? T(0x1p-27) : T(0x1p-56);

template <class T, int VECTORS>
NTM_FAST_INLINE void leap(Panel<T, VECTORS>& panel, const AdamLeap<T>& by, T eps) {
  using V = typename Vector<T>::type;
  panel.each([&](int, V& parameter, V& average, V& square) __attribute__((always_inline)) {
    const V root = square_root(square), inverse = T(1) / (by.centre * root + eps);
    const V ratio = inverse * root;
    V sum = V{} + by.terms[AdamLeap<T>::n_terms - 1];
#pragma GCC unroll 8
    for (int k = AdamLeap<T>::n_terms - 2; k >= 0; --k) sum = sum * ratio + by.terms[k];
    parameter -= average * inverse * sum;
    average *= by.average_decay;
    square *= by.square_decay;
  });
}

// Steps first .. last of the schedule with a gradient of 0.
template <class T, bool DECAY, int VECTORS>
NTM_FAST_INLINE void replay(Panel<T, VECTORS>& panel, const AdamRows<T>& args, int64_t first,
                            int64_t last) {
  using V = typename Vector<T>::type;
  bool moves = true;
  for (int64_t t = first; t < last; ++t) {
    if (!DECAY && last - t > 1 && args.leaps[t].exact) {
      leap(panel, args.leaps[t], args.rates.eps);
      return;
    }
    if (!moves) {
      panel.each([&](int, V&, V& average, V& square) __attribute__((always_inline)) {
        adam_moments(V{}, average, square, args.rates);
      });
      continue;
    }
    const AdamStep<T> step = args.schedule[t];
    if (DECAY || (t - first) % steps_between_looks != steps_between_looks - 1) {
      panel.each([&](int, V& parameter, V& average, V& square) __attribute__((always_inline)) {
        adam_step<T, DECAY>(parameter, V{}, average, square, step, args.rates);
      });
      continue;
    }
    const T growth = args.growth[t] * step.step_size;
    auto moving = V{} != V{};
    panel.each([&](int, V& parameter, V& average, V& square) __attribute__((always_inline)) {
      const V direction =
          adam_direction<T, DECAY>(parameter, V{}, average, square, step.root_scale, args.rates);
      parameter -= step.step_size * direction;
      moving |= !(magnitude(growth * direction) <= unseen<T> * magnitude(parameter));
    });
    moves = mask_bits(moving) != 0;
  }
}

template <class T, bool DECAY, int VECTORS>
NTM_FAST_INLINE void panel_of_row(const AdamRows<T>& args, int64_t i, int64_t first,
                                  int64_t lanes) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  const int64_t start = args.rows[i] * args.features + first;
  const auto get = [&](const T* from, int j) __attribute__((always_inline)) {
    const bool part = j == VECTORS - 1 && lanes > 0;
    return part ? load_part(from + j * width, lanes) : load(from + j * width);
  };
  const auto put = [&](T* to, int j, V value) __attribute__((always_inline)) {
    if (j == VECTORS - 1 && lanes > 0) store_part(to + j * width, value, lanes);
    else store(to + j * width, value);
  };
  Panel<T, VECTORS> panel;
  auto started = V{} != V{};
  panel.each([&](int j, V& parameter, V& average, V& square) __attribute__((always_inline)) {
    average = get(args.average + start, j);
    square = get(args.square + start, j);
    parameter = get(args.parameter + start, j);
    started |= (average != V{}) | (square != V{});
  });
  const int64_t last = args.steps - (args.gradient != nullptr);
  // Without moments a zero gradient changes nothing (but makes NaN of 0 / 0 if eps is 0).
  if (DECAY || args.rates.eps == T(0) || mask_bits(started)) {
    replay<T, DECAY>(panel, args, args.done[i], last);
  } else if (!args.gradient) {
    return;
  }
  if (args.gradient) {
    const T* gradient = args.gradient + i * args.features + first;
    const AdamStep<T> step = args.schedule[last];
    panel.each([&](int j, V& parameter, V& average, V& square) __attribute__((always_inline)) {
      adam_step<T, DECAY>(parameter, get(gradient, j), average, square, step, args.rates);
    });
  }
  panel.each([&](int j, V parameter, V average, V square) __attribute__((always_inline)) {
    put(args.parameter + start, j, parameter);
    put(args.average + start, j, average);
    put(args.square + start, j, square);
  });
}

template <class T, bool DECAY>
NTM_FAST_INLINE void all_rows(const AdamRows<T>& args, int64_t first_row, int64_t last_row) {
  for_panels<T>(args.features,
                [&](auto count, int64_t first, int64_t lanes) __attribute__((always_inline)) {
                  for (int64_t i = first_row; i < last_row; ++i) {
                    panel_of_row<T, DECAY, decltype(count)::value>(args, i, first, lanes);
                  }
                });
}

}  // namespace

template <class T>
void adam_rows(const AdamRows<T>& args, int64_t first_row, int64_t last_row) {
  if (args.rates.weight_decay != T(0)) all_rows<T, true>(args, first_row, last_row);
  else all_rows<T, false>(args, first_row, last_row);
}

template void adam_rows(const AdamRows<float>&, int64_t, int64_t);
template void adam_rows(const AdamRows<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
