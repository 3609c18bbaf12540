#include "log_dirichlet_rsample.h"

#include <tuple>
#include <utility>

#include "ops/draws.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "log_dirichlet_rsample";

int64_t rows_per_block(int64_t topics) { return std::max<int64_t>(1, gamma_block / topics); }

template <class T>
void run(const Cpu&, const LogDirichletRsample<T>& args, int64_t rows, const Tensor& alpha) {
  const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsample<T>);
  FirstInvalid invalid;
  parallel_blocks(rows, rows_per_block(args.topics), sample_ns<T> * double(rows * args.topics),
                  [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
  invalid.check_none<T>(op, alpha);
}

template <class T>
void run(const Cpu&, const LogDirichletRsampleBackward<T>& args, int64_t rows) {
  const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsample_backward<T>);
  parallel_blocks(rows, rows_per_block(args.topics), gradient_ns<T> * double(rows * args.topics),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

void check_alpha(const Tensor& alpha) {
  check(alpha.dim() == 2 && alpha.size(1) > 0, op, ": alpha has shape ", shape(alpha),
        ", expected [B, K] with K > 0");
}

// (alpha [B, K], seed []) -> (log_theta [B, K], log_gamma [B, K])
template <class Device>
std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed) {
  check_alpha(alpha);
  const Seed key = seed_beside(op, seed, "alpha", alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha);
  const Tensor log_theta = torch::stable::empty_like(a), log_gamma = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        LogDirichletRsample<T>{data<T>(a), mutable_data<T>(log_theta), mutable_data<T>(log_gamma),
                               key.number, key.place, a.size(1)},
        a.size(0), a);
  });
  return {log_theta, log_gamma};
}

// (gradient of log_theta, alpha, log_theta, log_gamma, all [B, K]) -> gradient of alpha [B, K]
template <class Device>
Tensor backward(const Tensor& grad, const Tensor& alpha, const Tensor& log_theta,
                const Tensor& log_gamma) {
  check_alpha(alpha);
  const std::pair<const char*, const Tensor*> others[] = {
      {"grad", &grad}, {"log_theta", &log_theta}, {"log_gamma", &log_gamma}};
  for (const auto& [name, tensor] : others) {
    check_same_shape(op, name, *tensor, "alpha", alpha);
    check_same_dtype(op, name, *tensor, "alpha", alpha);
  }
  const Device device(op, alpha);
  const Tensor g = contiguous(grad), a = contiguous(alpha), t = contiguous(log_theta),
               l = contiguous(log_gamma);
  const Tensor grad_alpha = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        LogDirichletRsampleBackward<T>{data<T>(g), data<T>(a), data<T>(t), data<T>(l),
                                       mutable_data<T>(grad_alpha), a.size(1)},
        a.size(0));
  });
  return grad_alpha;
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def("log_dirichlet_rsample(Tensor alpha, Tensor seed) -> (Tensor, Tensor)");
  m.def(
      "log_dirichlet_rsample_backward(Tensor grad, Tensor alpha, Tensor log_theta,"
      " Tensor log_gamma) -> Tensor");
}

NTM_FAST_KERNELS(m) {
  m.impl("log_dirichlet_rsample", TORCH_BOX(&forward<Device>));
  m.impl("log_dirichlet_rsample_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
