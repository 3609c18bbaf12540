#include "kl_normal.h"

#include <tuple>
#include <utility>

#include "tensors.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "kl_normal";
constexpr int64_t rows_per_block = 64;
constexpr double element_ns = 2;

void check_inputs(const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
                  const Tensor& prior_log_variance) {
  check(mean.dim() == 2, op, ": mean has shape ", shape(mean), ", expected [B, K]");
  const std::pair<const char*, const Tensor*> others[] = {
      {"log_variance", &log_variance},
      {"prior_mean", &prior_mean},
      {"prior_log_variance", &prior_log_variance}};
  for (const auto& [name, tensor] : others) {
    check_same_shape(op, name, *tensor, "mean", mean);
    check_same_dtype(op, name, *tensor, "mean", mean);
  }
}

// (mean, log_variance, prior_mean, prior_log_variance, all [B, K]) -> kl [B]
Tensor kl_normal(const Tensor& mean, const Tensor& log_variance, const Tensor& prior_mean,
                 const Tensor& prior_log_variance) {
  check_inputs(mean, log_variance, prior_mean, prior_log_variance);
  const Tensor m = contiguous(mean), v = contiguous(log_variance), pm = contiguous(prior_mean),
               pv = contiguous(prior_log_variance);
  const Tensor kl = torch::stable::new_empty(mean, {mean.size(0)});
  dispatch_floating(op, "mean", mean, [&](auto zero) {
    using T = decltype(zero);
    const KlNormal<T> args{data<T>(m),  data<T>(v),          data<T>(pm),
                           data<T>(pv), mutable_data<T>(kl), mean.size(1)};
    const auto kernel = NTM_FAST_CPU_CALL(kl_normal<T>);
    parallel_blocks(mean.size(0), rows_per_block, element_ns * double(mean.numel()),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return kl;
}

// grad_kl [B] -> gradients of the four inputs, each [B, K]
std::tuple<Tensor, Tensor, Tensor, Tensor> kl_normal_backward(const Tensor& grad_kl,
                                                              const Tensor& mean,
                                                              const Tensor& log_variance,
                                                              const Tensor& prior_mean,
                                                              const Tensor& prior_log_variance) {
  check_inputs(mean, log_variance, prior_mean, prior_log_variance);
  check(grad_kl.dim() == 1 && grad_kl.size(0) == mean.size(0), op, ": grad_kl has shape ",
        shape(grad_kl), ", expected [", mean.size(0), "]");
  check_same_dtype(op, "grad_kl", grad_kl, "mean", mean);
  const Tensor g = contiguous(grad_kl), m = contiguous(mean), v = contiguous(log_variance),
               pm = contiguous(prior_mean), pv = contiguous(prior_log_variance);
  const Tensor gm = torch::stable::empty_like(m), gv = torch::stable::empty_like(m),
               gpm = torch::stable::empty_like(m), gpv = torch::stable::empty_like(m);
  dispatch_floating(op, "mean", mean, [&](auto zero) {
    using T = decltype(zero);
    const KlNormalBackward<T> args{data<T>(g),          data<T>(m),           data<T>(v),
                                   data<T>(pm),         data<T>(pv),          mutable_data<T>(gm),
                                   mutable_data<T>(gv), mutable_data<T>(gpm), mutable_data<T>(gpv),
                                   mean.size(1)};
    const auto kernel = NTM_FAST_CPU_CALL(kl_normal_backward<T>);
    parallel_blocks(mean.size(0), rows_per_block, element_ns * double(mean.numel()),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return {gm, gv, gpm, gpv};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "kl_normal(Tensor mean, Tensor log_variance, Tensor prior_mean, Tensor prior_log_variance)"
      " -> Tensor");
  m.def(
      "kl_normal_backward(Tensor grad_kl, Tensor mean, Tensor log_variance, Tensor prior_mean,"
      " Tensor prior_log_variance) -> (Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("kl_normal", TORCH_BOX(&kl_normal));
  m.impl("kl_normal_backward", TORCH_BOX(&kl_normal_backward));
}

}  // namespace ntm_fast
