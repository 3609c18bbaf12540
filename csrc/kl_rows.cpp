#include "check_values.h"
#include "kl_rows_torch.h"

namespace ntm_fast {

namespace {

class OnCpu {
 public:
  OnCpu(const char*, const Tensor&) {}

  template <class Kl, class T>
  void run(const KlRows<Kl, T>& args, int64_t rows, const kl_rows_torch::Arguments<Kl>& x) const {
    for (int j = 0; Kl::positive && j < arguments_of<Kl>; ++j) {
      check_positive(Kl::op, Kl::names[j], x[j], args.arguments[j].data);
    }
    in_blocks<Kl>(NTM_FAST_CPU_CALL(kl_rows<Kl, T>), args, rows);
  }
  template <class Kl, class T>
  void run(const KlRowsBackward<Kl, T>& args, int64_t rows,
           const kl_rows_torch::Arguments<Kl>&) const {
    in_blocks<Kl>(NTM_FAST_CPU_CALL(kl_rows_backward<Kl, T>), args, rows);
  }

 private:
  template <class Kl, class Kernel, class Args>
  static void in_blocks(const Kernel& kernel, const Args& args, int64_t rows) {
    constexpr int64_t rows_per_block = 64;
    parallel_blocks(rows, rows_per_block, Kl::element_ns * double(rows * args.topics),
                    [&](int64_t first, int64_t last) { kernel(args, first, last); });
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

template <class Kl, class Library>
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

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
#define NTM_FAST_DEFINE(Kl) define<Kl>(m);
  NTM_FAST_EACH_KL(NTM_FAST_DEFINE)
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { kl_rows_torch::implement<OnCpu>(m); }

}  // namespace ntm_fast
