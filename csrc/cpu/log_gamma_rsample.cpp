#include "log_gamma_rsample.h"

#include "cpu/gamma_sampler_block.h"

NTM_FAST_ISA_BEGIN

template <class T>
int64_t log_gamma_rsample(const LogGammaRsample<T>& args, int64_t first, int64_t last) {
  const int64_t invalid = gamma_sample_block(args.alpha + first, args.log_gamma + first, args.seed,
                                             first, last - first);
  return invalid < 0 ? -1 : first + invalid;
}

template int64_t log_gamma_rsample(const LogGammaRsample<float>&, int64_t, int64_t);
template int64_t log_gamma_rsample(const LogGammaRsample<double>&, int64_t, int64_t);

NTM_FAST_ISA_END
