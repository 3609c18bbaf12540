#include "gamma_implicit_gradient.h"

#include "cpu/gamma_gradient_block.h"

NTM_FAST_ISA_BEGIN

template <class T>
int64_t gamma_implicit_gradient(const GammaImplicitGradient<T>& args, int64_t first, int64_t last) {
  const int64_t invalid = gamma_gradient_block(args.alpha + first, args.log_x + first,
                                               args.scale ? args.scale + first : nullptr,
                                               args.gradient + first, last - first);
  return invalid < 0 ? -1 : first + invalid;
}

template int64_t gamma_implicit_gradient(const GammaImplicitGradient<float>&, int64_t, int64_t);
template int64_t gamma_implicit_gradient(const GammaImplicitGradient<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
