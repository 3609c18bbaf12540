#include "kl_rows.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "ops/device.h"

namespace ntm_fast {

namespace {

template <class Kl>
using Arguments = std::array<Tensor, arguments_of<Kl>>;

// The first is [R, K], the others [R, K] or [1, K]; rows contiguous in themselves, and contiguous
// as a whole where all values will be looked at.
template <class Kl>
Arguments<Kl> checked(Arguments<Kl> x) {
  const Tensor first = x[0];
  check(first.dim() == 2, Kl::op, ": ", Kl::names[0], " has shape ", shape(first),
        ", expected [B, K]");
  for (int j = 0; j < arguments_of<Kl>; ++j) {
    const bool fits = x[j].dim() == 2 && x[j].size(1) == first.size(1) &&
                      (x[j].size(0) == 1 || x[j].size(0) == first.size(0));
    check(fits, Kl::op, ": ", Kl::names[j], " has shape ", shape(x[j]), ", expected [1, ",
          first.size(1), "] or [", first.size(0), ", ", first.size(1), "]");
    check_same_dtype(Kl::op, Kl::names[j], x[j], Kl::names[0], first);
    x[j] = Kl::positive ? contiguous(x[j]) : with_contiguous_rows(x[j]);
  }
  return x;
}

template <class Kl, class Kernel, class Args>
void run_in_blocks(const Kernel& kernel, const Args& args, int64_t rows) {
  constexpr int64_t rows_per_block = 64;
  parallel_blocks(rows, rows_per_block, Kl::element_ns * double(rows * args.topics),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

template <class Kl, class T>
void run(const Cpu&, const KlRows<Kl, T>& args, int64_t rows, const Arguments<Kl>& x) {
  for (int j = 0; Kl::positive && j < arguments_of<Kl>; ++j) {
    check_positive(Kl::op, Kl::names[j], x[j], args.arguments[j].data);
  }
  run_in_blocks<Kl>(NTM_FAST_CPU_CALL(kl_rows<Kl, T>), args, rows);
}

template <class Kl, class T>
void run(const Cpu&, const KlRowsBackward<Kl, T>& args, int64_t rows, const Arguments<Kl>&) {
  run_in_blocks<Kl>(NTM_FAST_CPU_CALL(kl_rows_backward<Kl, T>), args, rows);
}

// An op as torch calls it: with as many tensors as Kl has arguments, one by one. A Device is made
// of the first of them.
template <class Kl, class Device, class = std::make_index_sequence<arguments_of<Kl>>>
struct Op;

template <class T, size_t>
using Each = T;

template <class Kl, class Device, size_t... j>
struct Op<Kl, Device, std::index_sequence<j...>> {
  template <class T>
  static Rows<T> rows_of(const Tensor& x) {
    return {data<T>(x), x.size(0) == 1 ? 0 : x.stride(0)};
  }

  // -> kl [R]
  static Tensor forward(Each<const Tensor&, j>... given) {
    const Arguments<Kl> arguments{given...};
    const Device device(Kl::op, arguments[0]);
    const Arguments<Kl> x = checked<Kl>(arguments);
    const int64_t rows = x[0].size(0), topics = x[0].size(1);
    const Tensor kl = torch::stable::new_empty(x[0], {rows});
    dispatch_floating(Kl::op, Kl::names[0], x[0], [&](auto zero) {
      using T = decltype(zero);
      run(device, KlRows<Kl, T>{{rows_of<T>(x[j])...}, mutable_data<T>(kl), topics}, rows, x);
    });
    return kl;
  }

  // -> gradients, each [R, K] (for an argument [1, K] to be summed), or [0, K] if not wanted
  static std::tuple<Each<Tensor, j>...> backward(const Tensor& grad_kl,
                                                 Each<const Tensor&, j>... given,
                                                 Each<bool, j>... want) {
    const Arguments<Kl> arguments{given...};
    const Device device(Kl::op, arguments[0]);
    const Arguments<Kl> x = checked<Kl>(arguments);
    const int64_t rows = x[0].size(0), topics = x[0].size(1);
    check(grad_kl.dim() == 1 && grad_kl.size(0) == rows, Kl::op, ": grad_kl has shape ",
          shape(grad_kl), ", expected [", rows, "]");
    check_same_dtype(Kl::op, "grad_kl", grad_kl, Kl::names[0], x[0]);
    const Tensor g = contiguous(grad_kl);
    const bool wanted[] = {want...};
    const bool of_prior =
        std::any_of(wanted + half_of<Kl>, wanted + arguments_of<Kl>, [](bool w) { return w; });
    const Arguments<Kl> gradients{torch::stable::new_empty(x[0], {want ? rows : 0, topics})...};
    dispatch_floating(Kl::op, Kl::names[0], x[0], [&](auto zero) {
      using T = decltype(zero);
      run(device,
          KlRowsBackward<Kl, T>{{rows_of<T>(x[j])...},
                                data<T>(g),
                                {want ? mutable_data<T>(gradients[j]) : nullptr...},
                                of_prior,
                                topics},
          rows, x);
    });
    return {gradients[j]...};
  }

  static void implement(Library& m) {
    m.impl(Kl::op, TORCH_BOX(&forward));
    m.impl((std::string(Kl::op) + "_backward").c_str(), TORCH_BOX(&backward));
  }
};

// "before name, before name, ..." of all arguments
template <class Kl>
std::string listed(const char* before) {
  std::string list;
  for (const char* name : Kl::names)
    list += (list.empty() ? "" : ", ") + (before + std::string(name));
  return list;
}

template <class Kl>
void define(Library& m) {
  const std::string op = Kl::op, tensors = listed<Kl>("Tensor ");
  std::string gradients;
  for (int j = 0; j < arguments_of<Kl>; ++j) gradients += j ? ", Tensor" : "Tensor";
  m.def((op + "(" + tensors + ") -> Tensor").c_str());
  m.def((op + "_backward(Tensor grad_kl, " + tensors + ", " + listed<Kl>("bool want_") + ") -> (" +
         gradients + ")")
            .c_str());
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
#define NTM_FAST_DEFINE(Kl) define<Kl>(m);
  NTM_FAST_EACH_KL(NTM_FAST_DEFINE)
}

NTM_FAST_KERNELS(m) {
#define NTM_FAST_IMPLEMENT(Kl) Op<Kl, Device>::implement(m);
  NTM_FAST_EACH_KL(NTM_FAST_IMPLEMENT)
}

}  // namespace ntm_fast
