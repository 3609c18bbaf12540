#include "adam.h"

#include "cpu/adam_step.h"

NTM_FAST_ISA_BEGIN

namespace {

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

}  // namespace

template <class T>
void adam(const Adam<T>& args, int64_t first_element, int64_t last_element) {
  if (args.rates.weight_decay != T(0)) adam_elements<T, true>(args, first_element, last_element);
  else adam_elements<T, false>(args, first_element, last_element);
}

template void adam(const Adam<float>&, int64_t, int64_t);
template void adam(const Adam<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
