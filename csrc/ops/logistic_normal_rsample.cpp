#include "logistic_normal_rsample.h"

#include <tuple>
#include <utility>

#include "ops/draws.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "logistic_normal_rsample";
constexpr int64_t rows_per_block = 32;
constexpr double element_ns = 5, backward_element_ns = 1;

template <class T>
void run(const Cpu&, const LogisticNormalRsample<T>& args, int64_t rows) {
  const auto kernel = NTM_FAST_CPU_CALL(logistic_normal_rsample<T>);
  parallel_blocks(rows, rows_per_block, element_ns * double(rows * args.topics),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

template <class T>
void run(const Cpu&, const LogisticNormalRsampleBackward<T>& args, int64_t rows) {
  const auto kernel = NTM_FAST_CPU_CALL(logistic_normal_rsample_backward<T>);
  parallel_blocks(rows, rows_per_block, backward_element_ns * double(rows * args.topics),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

// (mean [B, K], log_variance [B, K], seed []) -> theta [B, K], and for the backward half of the
// deviation from the mean [B, K]
template <class Device>
std::tuple<Tensor, Tensor> forward(const Tensor& mean, const Tensor& log_variance,
                                   const Tensor& seed) {
  check(mean.dim() == 2 && mean.size(1) > 0, op, ": mean has shape ", shape(mean),
        ", expected [B, K] with K > 0");
  check_same_shape(op, "log_variance", log_variance, "mean", mean);
  check_same_dtype(op, "log_variance", log_variance, "mean", mean);
  const Seed key = seed_beside(op, seed, "mean", mean);
  const Device device(op, mean);
  const Tensor m = with_contiguous_rows(mean), v = with_contiguous_rows(log_variance);
  const Tensor theta = torch::stable::new_empty(mean, mean.sizes()),
               half_deviation = torch::stable::new_empty(mean, mean.sizes());
  dispatch_floating(op, "mean", mean, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        LogisticNormalRsample<T>{data<T>(m), data<T>(v), mutable_data<T>(theta),
                                 mutable_data<T>(half_deviation), key.number, key.place,
                                 mean.size(1), m.stride(0), v.stride(0)},
        mean.size(0));
  });
  return {theta, half_deviation};
}

// -> gradients of mean and log_variance, both [B, K]
template <class Device>
std::tuple<Tensor, Tensor> backward(const Tensor& grad_theta, const Tensor& theta,
                                    const Tensor& half_deviation) {
  check(theta.dim() == 2, op, ": theta has shape ", shape(theta), ", expected [B, K]");
  for (const auto& [name, tensor] :
       {std::pair{"grad_theta", &grad_theta}, {"half_deviation", &half_deviation}}) {
    check_same_shape(op, name, *tensor, "theta", theta);
    check_same_dtype(op, name, *tensor, "theta", theta);
  }
  const Device device(op, theta);
  const Tensor g = contiguous(grad_theta), t = contiguous(theta), h = contiguous(half_deviation);
  const Tensor grad_mean = torch::stable::empty_like(t),
               grad_log_variance = torch::stable::empty_like(t);
  dispatch_floating(op, "theta", theta, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        LogisticNormalRsampleBackward<T>{data<T>(g), data<T>(t), data<T>(h),
                                         mutable_data<T>(grad_mean),
                                         mutable_data<T>(grad_log_variance), theta.size(1)},
        theta.size(0));
  });
  return {grad_mean, grad_log_variance};
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def(
      "logistic_normal_rsample(Tensor mean, Tensor log_variance, Tensor seed)"
      " -> (Tensor, Tensor)");
  m.def(
      "logistic_normal_rsample_backward(Tensor grad_theta, Tensor theta, Tensor half_deviation)"
      " -> (Tensor, Tensor)");
}

NTM_FAST_KERNELS(m) {
  m.impl("logistic_normal_rsample", TORCH_BOX(&forward<Device>));
  m.impl("logistic_normal_rsample_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
