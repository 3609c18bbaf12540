#pragma once
// Torch's side of a KL divergence of two parameters from two others, summed over rows: checks,
// outputs, and the arguments of the kernel, which is run(args, rows).

#include <array>
#include <tuple>

#include "kl_gamma.h"
#include "tensors.h"

namespace ntm_fast {
namespace kl_rows_torch {

using Arguments = std::array<Tensor, 4>;
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;

struct Names {
  const char* op;
  const char* arguments[4];
};

// Contiguous; the first is [R, K], the others [R, K] or [1, K].
inline Arguments checked(const Names& names, const Arguments& given) {
  const Tensor& first = given[0];
  check(first.dim() == 2, names.op, ": ", names.arguments[0], " has shape ", shape(first),
        ", expected [B, K]");
  Arguments arguments;
  for (int i = 0; i < 4; ++i) {
    const Tensor x = contiguous(given[i]);
    const bool fits = x.dim() == 2 && x.size(1) == first.size(1) &&
                      (x.size(0) == 1 || x.size(0) == first.size(0));
    check(fits, names.op, ": ", names.arguments[i], " has shape ", shape(x), ", expected [1, ",
          first.size(1), "] or [", first.size(0), ", ", first.size(1), "]");
    check_same_dtype(names.op, names.arguments[i], x, names.arguments[0], first);
    arguments[i] = x;
  }
  return arguments;
}

template <class T>
GammaRows<T> rows_of(const Tensor& x) {
  return {data<T>(x), x.size(0) == 1 ? 0 : x.size(1)};
}

// -> kl [R]
template <template <class> class Args, class Run>
Tensor forward(const Names& names, const Arguments& given, const Run& run) {
  const Arguments x = checked(names, given);
  const int64_t rows = x[0].size(0);
  const Tensor kl = torch::stable::new_empty(x[0], {rows});
  dispatch_floating(names.op, names.arguments[0], x[0], [&](auto zero) {
    using T = decltype(zero);
    const Args<T> args{rows_of<T>(x[0]), rows_of<T>(x[1]),    rows_of<T>(x[2]),
                       rows_of<T>(x[3]), mutable_data<T>(kl), x[0].size(1)};
    run(args, rows);
  });
  return kl;
}

// -> the four gradients, each [R, K] (for an argument [1, K] to be summed), or [0, K] if not wanted
template <template <class> class Args, class Run>
Gradients backward(const Names& names, const Tensor& grad_kl, const Arguments& given,
                   const std::array<bool, 4>& want, const Run& run) {
  const Arguments x = checked(names, given);
  const int64_t rows = x[0].size(0), topics = x[0].size(1);
  check(grad_kl.dim() == 1 && grad_kl.size(0) == rows, names.op, ": grad_kl has shape ",
        shape(grad_kl), ", expected [", rows, "]");
  check_same_dtype(names.op, "grad_kl", grad_kl, names.arguments[0], x[0]);
  const Tensor g = contiguous(grad_kl);
  Arguments gradients;
  for (int i = 0; i < 4; ++i) {
    gradients[i] = torch::stable::new_empty(x[0], {want[i] ? rows : 0, topics});
  }
  dispatch_floating(names.op, names.arguments[0], x[0], [&](auto zero) {
    using T = decltype(zero);
    Args<T> args{rows_of<T>(x[0]),
                 rows_of<T>(x[1]),
                 rows_of<T>(x[2]),
                 rows_of<T>(x[3]),
                 data<T>(g),
                 {},
                 topics};
    for (int i = 0; i < 4; ++i) {
      args.gradients[i] = want[i] ? mutable_data<T>(gradients[i]) : nullptr;
    }
    run(args, rows);
  });
  return {gradients[0], gradients[1], gradients[2], gradients[3]};
}

}  // namespace kl_rows_torch
}  // namespace ntm_fast
