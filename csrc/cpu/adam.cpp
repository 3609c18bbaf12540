// Adam on a whole parameter, or on some rows of it with the steps that they missed. The formula
// stands once, on a vector of elements, so that a step gives the same bits whether it is taken at
// once or replayed later.

#include "adam.h"

#include "cpu/simd/vector_rows.h"

NTM_FAST_ISA_BEGIN

namespace {

template <class T, class V>
NTM_FAST_INLINE void adam_moments(V gradient, V& average, V& square, const AdamRates<T>& rates) {
  average = rates.beta1 * average + rates.rest1 * gradient;
  square = rates.beta2 * square + rates.rest2 * gradient * gradient;
}

// The direction to subtract from the parameter, before the step size; updates average and square.
template <class T, bool DECAY, class V>
NTM_FAST_INLINE V adam_direction(V parameter, V gradient, V& average, V& square, T root_scale,
                                 const AdamRates<T>& rates) {
  if constexpr (DECAY) gradient += rates.weight_decay * parameter;
  adam_moments(gradient, average, square, rates);
  return average / (root_scale * square_root(square) + rates.eps);
}

template <class T, bool DECAY, class V>
NTM_FAST_INLINE void adam_step(V& parameter, V gradient, V& average, V& square,
                               const AdamStep<T>& step, const AdamRates<T>& rates) {
  const V direction =
      adam_direction<T, DECAY>(parameter, gradient, average, square, step.root_scale, rates);
  parameter -= step.step_size * direction;
}

template <class T, bool DECAY>
NTM_FAST_INLINE void adam_elements(const Adam<T>& args, int64_t first, int64_t last) {
  using V = typename Vector<T>::type;
  constexpr int64_t width = Vector<T>::width;
  int64_t i = first;
  for (; i + width <= last; i += width) {
    V parameter = load(args.parameter + i), average = load(args.average + i),
      square = load(args.square + i);
    adam_step<T, DECAY>(parameter, load(args.gradient + i), average, square, args.step, args.rates);
    store(args.parameter + i, parameter);
    store(args.average + i, average);
    store(args.square + i, square);
  }
  const int64_t lanes = last - i;
  if (lanes == 0) return;
  V parameter = load_part(args.parameter + i, lanes), average = load_part(args.average + i, lanes),
    square = load_part(args.square + i, lanes);
  adam_step<T, DECAY>(parameter, load_part(args.gradient + i, lanes), average, square, args.step,
                      args.rates);
  store_part(args.parameter + i, parameter, lanes);
  store_part(args.average + i, average, lanes);
  store_part(args.square + i, square, lanes);
}

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
void adam(const Adam<T>& args, int64_t first_element, int64_t last_element) {
  if (args.rates.weight_decay != T(0)) adam_elements<T, true>(args, first_element, last_element);
  else adam_elements<T, false>(args, first_element, last_element);
}

template void adam(const Adam<float>&, int64_t, int64_t);
template void adam(const Adam<double>&, int64_t, int64_t);

template <class T>
void adam_rows(const AdamRows<T>& args, int64_t first_row, int64_t last_row) {
  if (args.rates.weight_decay != T(0)) all_rows<T, true>(args, first_row, last_row);
  else all_rows<T, false>(args, first_row, last_row);
}

template void adam_rows(const AdamRows<float>&, int64_t, int64_t);
template void adam_rows(const AdamRows<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
