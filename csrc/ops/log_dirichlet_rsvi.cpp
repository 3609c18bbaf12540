#include "log_dirichlet_rsvi.h"

#include <tuple>
#include <utility>

#include "ops/draws.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "log_dirichlet_rsvi";

int64_t rows_per_block(int64_t topics) { return std::max<int64_t>(1, gamma_block / topics); }

template <class T>
void run(const Cpu&, const LogDirichletRsvi<T>& args, int64_t rows, const Tensor& alpha) {
  const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi<T>);
  FirstInvalid invalid;
  parallel_blocks(rows, rows_per_block(args.topics),
                  sample_ns<T> * (1 + .3 * double(args.boost)) * double(rows * args.topics),
                  [&](int64_t first, int64_t last) { invalid.record(kernel(args, first, last)); });
  invalid.check_none<T>(op, alpha);
}

template <class T>
void run(const Cpu&, const LogDirichletRsviBackward<T>& args, int64_t rows) {
  const auto kernel = NTM_FAST_CPU_CALL(log_dirichlet_rsvi_backward<T>);
  parallel_blocks(rows, rows_per_block(args.topics), 3. * double(rows * args.topics),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

// (alpha [B, K], seed [], boost) -> (log_theta [B, K], d log_gamma / d alpha [B, K])
template <class Device>
std::tuple<Tensor, Tensor> forward(const Tensor& alpha, const Tensor& seed, int64_t boost) {
  check(alpha.dim() == 2 && alpha.size(1) > 0, op, ": alpha has shape ", shape(alpha),
        ", expected [B, K] with K > 0");
  check(boost >= 1, op, ": boost is ", boost, ", expected >= 1");
  const Seed key = seed_beside(op, seed, "alpha", alpha);
  const Device device(op, alpha);
  const Tensor a = contiguous(alpha);
  const Tensor log_theta = torch::stable::empty_like(a), slope = torch::stable::empty_like(a);
  dispatch_floating(op, "alpha", alpha, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        LogDirichletRsvi<T>{data<T>(a), mutable_data<T>(log_theta), mutable_data<T>(slope),
                            key.number, key.place, boost, a.size(1)},
        a.size(0), a);
  });
  return {log_theta, slope};
}

// (gradient of log_theta, log_theta, slope, all [B, K]) -> gradient of alpha [B, K]
template <class Device>
Tensor backward(const Tensor& grad, const Tensor& log_theta, const Tensor& slope) {
  check(grad.dim() == 2 && grad.size(1) > 0, op, ": grad has shape ", shape(grad),
        ", expected [B, K] with K > 0");
  const std::pair<const char*, const Tensor*> others[] = {{"log_theta", &log_theta},
                                                          {"slope", &slope}};
  for (const auto& [name, tensor] : others) {
    check_same_shape(op, name, *tensor, "grad", grad);
    check_same_dtype(op, name, *tensor, "grad", grad);
  }
  const Device device(op, grad);
  const Tensor g = contiguous(grad), t = contiguous(log_theta), s = contiguous(slope);
  const Tensor grad_alpha = torch::stable::empty_like(g);
  dispatch_floating(op, "grad", grad, [&](auto zero) {
    using T = decltype(zero);
    run(device,
        LogDirichletRsviBackward<T>{data<T>(g), data<T>(t), data<T>(s), mutable_data<T>(grad_alpha),
                                    g.size(1)},
        g.size(0));
  });
  return grad_alpha;
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def("log_dirichlet_rsvi(Tensor alpha, Tensor seed, int boost) -> (Tensor, Tensor)");
  m.def(
      "log_dirichlet_rsvi_backward(Tensor grad, Tensor log_theta, Tensor slope)"
      " -> Tensor");
}

NTM_FAST_KERNELS(m) {
  m.impl("log_dirichlet_rsvi", TORCH_BOX(&forward<Device>));
  m.impl("log_dirichlet_rsvi_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
