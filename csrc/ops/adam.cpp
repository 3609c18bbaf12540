#include "adam.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "ops/device.h"

namespace ntm_fast {

namespace {

template <class T>
AdamRates<T> rounded(const AdamRates<double>& rates) {
  return {T(rates.beta1), T(rates.rest1), T(rates.beta2),
          T(rates.rest2), T(rates.eps),   T(rates.weight_decay)};
}

AdamRates<double> adam_rates(const char* op, double beta1, double beta2, double eps,
                             double weight_decay) {
  check(beta1 >= 0 && beta1 < 1, op, ": beta1 is ", beta1, ", expected 0 <= beta1 < 1");
  check(beta2 >= 0 && beta2 < 1, op, ": beta2 is ", beta2, ", expected 0 <= beta2 < 1");
  check(eps >= 0, op, ": eps is ", eps, ", expected a number >= 0");
  check(weight_decay >= 0, op, ": weight_decay is ", weight_decay, ", expected a number >= 0");
  return {beta1, 1 - beta1, beta2, 1 - beta2, eps, weight_decay};
}

// adam: one step on each parameter of a list.

constexpr char adam_op[] = "adam";
constexpr int64_t elements_per_block = 1 << 14;
constexpr double step_ns = .5;  // of reading four arrays and writing three, by element

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
  check_same_shape(adam_op, name, other, "its parameter", parameter);
  check_same_dtype(adam_op, name, other, "its parameter", parameter);
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
        adam_op, ": the lists have ", n, " parameters, ", gradients.size(), " gradients, ",
        averages.size(), " averages, ", squares.size(), " squares, ", step_sizes.size(),
        " step_sizes and ", root_scales.size(), " root_scales, expected as many of each");
  const auto rates = adam_rates(adam_op, beta1, beta2, eps, weight_decay);
  std::vector<Part> parts(n);
  int64_t blocks = 0, elements = 0;
  for (size_t i = 0; i < n; ++i) {
    const Tensor &parameter = parameters[i], &average = averages[i], &square = squares[i];
    check_part(parameter, "gradient", gradients[i]);
    check_part(parameter, "average", average);
    check_part(parameter, "square", square);
    check(parameter.is_contiguous() && average.is_contiguous() && square.is_contiguous(), adam_op,
          ": parameter ", i, " or its average or square is not contiguous");
    if (!gradients[i].is_contiguous()) gradients[i] = contiguous(gradients[i]);
    Part& part = parts[i];
    const AdamStep<double> step{step_sizes[i], root_scales[i]};
    dispatch_floating(adam_op, "parameter", parameter, [&](auto zero) {
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
  parallel_blocks(blocks, 1, step_ns * double(elements), run);
}

// adam_rows: the postponed steps of some rows of a parameter.

constexpr char rows_op[] = "adam_rows";
constexpr int64_t rows_per_block = 32;
constexpr double element_ns = 1, element_step_ns = .4;  // of an element moved, and of a step on it

// The rows to work on and the steps that each has taken; ``done`` is set to ``steps`` for them.
struct Pending {
  std::vector<int32_t> rows, done;
  int64_t element_steps = 0;

  void take(int64_t row, int32_t* of_all, int64_t steps) {
    rows.push_back(int32_t(row));
    done.push_back(of_all[row]);
    element_steps += steps - of_all[row];
    of_all[row] = int32_t(steps);
  }
};

// What a row has done indexes the schedule and what is made of it.
void check_done(const int32_t* done, int64_t row, int64_t steps) {
  if (done[row] >= 0 && done[row] <= steps) return;
  check(false, rows_op, ": done[", row, "] is ", done[row], ", expected 0 <= done <= ", steps,
        ", the number of steps");
}

template <class Index>
void collect(Pending& pending, const Index* rows, int64_t n, int64_t height, int32_t* done,
             int64_t steps, bool distinct) {
  for (int64_t i = 0; i < n; ++i) {
    check(rows[i] >= 0 && int64_t(rows[i]) < height, rows_op, ": rows[", i, "] is ", rows[i],
          ", expected 0 <= row < ", height);
    check_done(done, rows[i], steps);
  }
  pending.rows.reserve(size_t(n));
  pending.done.reserve(size_t(n));
  for (int64_t i = 0; i < n; ++i) {
    if (done[rows[i]] < steps) {
      pending.take(rows[i], done, steps);
    } else if (distinct) {
      for (size_t j = 0; j < pending.rows.size(); ++j) done[pending.rows[j]] = pending.done[j];
      check(false, rows_op, ": row ", rows[i],
            " of the gradient occurs twice, or has taken the last of ", steps, " steps already");
    }
  }
}

// growth[t] (AdamRows): a zero-gradient step is at most beta1 times as long as the one before, but
// for the learning rate, the bias corrections and the decay of the root below it.
std::vector<double> growths(const double* schedule, int64_t steps, const AdamRates<double>& rates) {
  std::vector<double> growth(size_t(steps), 1.);
  for (int64_t t = steps - 2; t >= 0; --t) {
    const double *now = schedule + 2 * t, *next = now + 2;
    const double root = next[1] / now[1] * std::sqrt(rates.beta2);
    const double ratio = next[0] / now[0] * rates.beta1 / std::min(1., root);
    growth[t] = std::max(1., ratio * growth[t + 1]);
    if (std::isnan(growth[t])) growth[t] = std::numeric_limits<double>::infinity();
  }
  return growth;
}

// sums[t, k], k = 0 .. n: the sum of a_j b_j^k over the steps j from t on (AdamLeap).
std::vector<double> power_sums(const double* schedule, int64_t steps, int n,
                               const AdamRates<double>& rates) {
  std::vector<double> sums(size_t((steps + 1) * (n + 1)), 0.);
  const double root_decay = std::sqrt(rates.beta2);
  for (int64_t t = steps - 1; t >= 0; --t) {
    double step = rates.beta1 * schedule[2 * t], decay = rates.beta1;
    for (int k = 0; k <= n; ++k) {
      sums[t * (n + 1) + k] = step + decay * sums[(t + 1) * (n + 1) + k];
      step *= root_decay * schedule[2 * t + 1];
      decay *= root_decay;
    }
  }
  return sums;
}

// leaps[t] (AdamRows) from each step t that a row waits from, and from those after it as long as
// the series does not converge.
template <class T>
std::vector<AdamLeap<T>> leaps(const double* schedule, int64_t steps, const Pending& pending,
                               const AdamRates<double>& rates) {
  constexpr int n = AdamLeap<T>::n_terms;
  constexpr double most = 1e-6;  // of the sum, left out
  std::vector<AdamLeap<T>> result(size_t(steps), AdamLeap<T>{});
  if (sizeof(T) == 8) return result;  // the moments are no more precise than T itself
  std::vector<bool> wanted(size_t(steps) + 1, false);
  for (const int32_t t : pending.done) wanted[t] = true;
  bool next = false;  // whether a row steps on to t
  const std::vector<double> power = power_sums(schedule, steps, n, rates);
  for (int64_t t = 0; t < steps; ++t) {
    if (!wanted[t] && !next) continue;
    next = true;
    const double* sums = power.data() + t * (n + 1);
    if (!(sums[0] > 0)) continue;
    const double centre = sums[1] / sums[0];
    double terms[n + 1];
    for (int k = 0; k <= n; ++k) {  // sum_j a_j (centre - b_j)^k
      double factor = 1;            // (k over i) centre^(k - i)
      terms[k] = 0;
      for (int i = k; i >= 0; --i) {
        terms[k] += factor * ((i & 1) ? -sums[i] : sums[i]);
        factor *= centre * double(i) / double(k - i + 1);
      }
    }
    AdamLeap<T>& leap = result[t];
    leap.centre = T(centre);
    std::copy_n(terms, n, leap.terms);
    leap.average_decay = T(std::pow(rates.beta1, double(steps - t)));
    leap.square_decay = T(std::pow(rates.beta2, double(steps - t)));
    leap.exact = terms[n] <= most * sums[0] * std::pow(centre, n);
    next = !leap.exact;
  }
  return result;
}

// In place on parameter, average, square [V, H] and done int32 [V]; schedule float64 [>= steps, 2].
// Without done all rows count as having taken all steps but the last.
void adam_rows(const Tensor& parameter, const Tensor& average, const Tensor& square,
               std::optional<Tensor> done, std::optional<Tensor> rows,
               std::optional<Tensor> gradient, const Tensor& schedule, int64_t steps, double beta1,
               double beta2, double eps, double weight_decay) {
  check(parameter.dim() == 2, rows_op, ": parameter has shape ", shape(parameter),
        ", expected [V, H]");
  const int64_t height = parameter.size(0), features = parameter.size(1);
  check_same_shape(rows_op, "average", average, "parameter", parameter);
  check_same_shape(rows_op, "square", square, "parameter", parameter);
  check_same_dtype(rows_op, "average", average, "parameter", parameter);
  check_same_dtype(rows_op, "square", square, "parameter", parameter);
  check(parameter.is_contiguous() && average.is_contiguous() && square.is_contiguous(), rows_op,
        ": parameter, average or square is not contiguous");
  check(height <= std::numeric_limits<int32_t>::max(), rows_op, ": parameter has ", height,
        " rows");
  if (done) {
    check_same_device(rows_op, "done", *done, "parameter", parameter);
    check(done->dim() == 1 && done->size(0) == height && done->scalar_type() == ScalarType::Int &&
              done->is_contiguous(),
          rows_op, ": done has shape ", shape(*done), " and dtype ", dtype(*done),
          ", expected a contiguous int32 [", height, "]");
  }
  check_same_device(rows_op, "schedule", schedule, "parameter", parameter);
  check(schedule.dim() == 2 && schedule.size(1) == 2 && schedule.is_contiguous() &&
            schedule.scalar_type() == ScalarType::Double,
        rows_op, ": schedule has shape ", shape(schedule), " and dtype ", dtype(schedule),
        ", expected a contiguous float64 [S, 2]");
  check(0 < steps && steps <= schedule.size(0) && steps <= std::numeric_limits<int32_t>::max(),
        rows_op, ": steps is ", steps, ", expected 0 < steps <= ", schedule.size(0),
        ", the schedule's");
  check(rows || !gradient, rows_op, ": a gradient needs rows");
  if (rows) {
    check_same_device(rows_op, "rows", *rows, "parameter", parameter);
    check(rows->dim() == 1 &&
              (rows->scalar_type() == ScalarType::Long || rows->scalar_type() == ScalarType::Int),
          rows_op, ": rows has shape ", shape(*rows), " and dtype ", dtype(*rows),
          ", expected a 1-D int32 or int64");
  }
  if (gradient) {
    check_same_dtype(rows_op, "gradient", *gradient, "parameter", parameter);
    check(
        gradient->dim() == 2 && gradient->size(0) == rows->size(0) && gradient->size(1) == features,
        rows_op, ": gradient has shape ", shape(*gradient), ", expected [", rows->size(0), ", ",
        features, "]");
  }
  const auto rates = adam_rates(rows_op, beta1, beta2, eps, weight_decay);

  std::vector<int32_t> all_but_last;
  if (!done) all_but_last.assign(size_t(height), int32_t(steps - 1));
  int32_t* const of_all = done ? mutable_data<int32_t>(*done) : all_but_last.data();
  Pending pending;
  if (rows) {
    const bool wide = rows->scalar_type() == ScalarType::Long;
    const Tensor r = contiguous(*rows);
    const int64_t n = rows->size(0);
    if (wide) collect(pending, data<int64_t>(r), n, height, of_all, steps, bool(gradient));
    else collect(pending, data<int32_t>(r), n, height, of_all, steps, bool(gradient));
  } else {
    for (int64_t row = 0; row < height; ++row) check_done(of_all, row, steps);
    for (int64_t row = 0; row < height; ++row) {
      if (of_all[row] < steps) pending.take(row, of_all, steps);
    }
  }
  dispatch_floating(rows_op, "parameter", parameter, [&](auto zero) {
    using T = decltype(zero);
    const double* constants = data<double>(schedule);
    const std::vector<double> growth = growths(constants, steps, rates);
    const std::vector<T> rounded_growth(growth.begin(), growth.end());
    std::vector<AdamStep<T>> plan;
    for (int64_t t = 0; t < steps; ++t) {
      plan.push_back({T(constants[2 * t]), T(constants[2 * t + 1])});
    }
    const auto plan_leaps = leaps<T>(constants, steps - bool(gradient), pending, rates);
    const Tensor g = gradient ? contiguous(*gradient) : parameter;
    const AdamRows<T> args{mutable_data<T>(parameter),
                           mutable_data<T>(average),
                           mutable_data<T>(square),
                           gradient ? data<T>(g) : nullptr,
                           pending.rows.data(),
                           pending.done.data(),
                           plan.data(),
                           rounded_growth.data(),
                           plan_leaps.data(),
                           steps,
                           features,
                           rounded<T>(rates)};
    const auto kernel = NTM_FAST_CPU_CALL(adam_rows<T>);
    const int64_t n = int64_t(pending.rows.size());
    const double work = double(features) *
                        (element_ns * double(n) + element_step_ns * double(pending.element_steps));
    parallel_scattered_blocks(n, rows_per_block, work,
                              [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def(
      "adam(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] averages, Tensor(c!)[] "
      "squares, float[] step_sizes, float[] root_scales, float beta1, float beta2, float eps,"
      " float weight_decay) -> ()");
  m.def(
      "adam_rows(Tensor(a!) parameter, Tensor(b!) average, Tensor(c!) square, Tensor(d!)? done,"
      " Tensor? rows, Tensor? gradient, Tensor schedule, int steps, float beta1, float beta2,"
      " float eps, float weight_decay) -> ()");
}

NTM_FAST_KERNELS(m) {
  if constexpr (std::is_same_v<Device, Cpu>) {
    m.impl("adam", TORCH_BOX(&adam));
    m.impl("adam_rows", TORCH_BOX(&adam_rows));
  }
}

}  // namespace ntm_fast
