#include "adam.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "adam_rates.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "adam";
constexpr int64_t elements_per_block = 1 << 14;
constexpr double element_ns = .5;  // of reading four arrays and writing three

// A parameter of the list, of either dtype.
struct Part {
  Adam<float> single;
  Adam<double> wide;
  bool is_single;
  int64_t elements, first_block;
};

template <class T>
Adam<T> arguments(const Tensor& parameter, const Tensor& gradient, const Tensor& average,
                  const Tensor& square, AdamStep<double> step, const AdamRates<double>& rates) {
  return {mutable_data<T>(parameter),
          data<T>(gradient),
          mutable_data<T>(average),
          mutable_data<T>(square),
          {T(step.step_size), T(step.root_scale)},
          rounded<T>(rates)};
}

void check_part(const Tensor& parameter, const char* name, const Tensor& other) {
  check_same_shape(op, name, other, "its parameter", parameter);
  check_same_dtype(op, name, other, "its parameter", parameter);
}

// In place on parameters, averages and squares; step_sizes and root_scales as in AdamStep, one for
// each parameter.
void adam(std::vector<Tensor> parameters, std::vector<Tensor> gradients,
          std::vector<Tensor> averages, std::vector<Tensor> squares, std::vector<double> step_sizes,
          std::vector<double> root_scales, double beta1, double beta2, double eps,
          double weight_decay) {
  const size_t n = parameters.size();
  check(gradients.size() == n && averages.size() == n && squares.size() == n &&
            step_sizes.size() == n && root_scales.size() == n,
        op, ": the lists have ", n, " parameters, ", gradients.size(), " gradients, ",
        averages.size(), " averages, ", squares.size(), " squares, ", step_sizes.size(),
        " step_sizes and ", root_scales.size(), " root_scales, expected as many of each");
  const auto rates = adam_rates(op, beta1, beta2, eps, weight_decay);
  std::vector<Part> parts(n);
  int64_t blocks = 0, elements = 0;
  for (size_t i = 0; i < n; ++i) {
    const Tensor &parameter = parameters[i], &average = averages[i], &square = squares[i];
    check_part(parameter, "gradient", gradients[i]);
    check_part(parameter, "average", average);
    check_part(parameter, "square", square);
    check(parameter.is_contiguous() && average.is_contiguous() && square.is_contiguous(), op,
          ": parameter ", i, " or its average or square is not contiguous");
    if (!gradients[i].is_contiguous()) gradients[i] = contiguous(gradients[i]);
    Part& part = parts[i];
    const AdamStep<double> step{step_sizes[i], root_scales[i]};
    dispatch_floating(op, "parameter", parameter, [&](auto zero) {
      using T = decltype(zero);
      part.is_single = sizeof(T) == 4;
      if constexpr (sizeof(T) == 4) {
        part.single = arguments<T>(parameter, gradients[i], average, square, step, rates);
      } else {
        part.wide = arguments<T>(parameter, gradients[i], average, square, step, rates);
      }
    });
    part.elements = parameter.numel();
    part.first_block = blocks;
    blocks += (part.elements + elements_per_block - 1) / elements_per_block;
    elements += part.elements;
  }
  const auto single = NTM_FAST_CPU_CALL(adam<float>);
  const auto wide = NTM_FAST_CPU_CALL(adam<double>);
  const auto run = [&](int64_t first, int64_t last) {
    size_t i = 0;
    for (int64_t block = first; block < last; ++block) {
      while (i + 1 < n && parts[i + 1].first_block <= block) ++i;
      const Part& part = parts[i];
      const int64_t begin = (block - part.first_block) * elements_per_block;
      const int64_t end = std::min(begin + elements_per_block, part.elements);
      if (part.is_single) single(part.single, begin, end);
      else wide(part.wide, begin, end);
    }
  };
  parallel_blocks(blocks, 1, element_ns * double(elements), run);
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "adam(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] averages, Tensor(c!)[] "
      "squares, float[] step_sizes, float[] root_scales, float beta1, float beta2, float eps,"
      " float weight_decay) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { m.impl("adam", TORCH_BOX(&adam)); }

}  // namespace ntm_fast
