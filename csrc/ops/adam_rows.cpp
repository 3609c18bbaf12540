#include "adam_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "adam_rates.h"
#include "csr.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "adam_rows";
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
  check(false, op, ": done[", row, "] is ", done[row], ", expected 0 <= done <= ", steps,
        ", the number of steps");
}

template <class Index>
void collect(Pending& pending, const Index* rows, int64_t n, int64_t height, int32_t* done,
             int64_t steps, bool distinct) {
  for (int64_t i = 0; i < n; ++i) {
    check(rows[i] >= 0 && int64_t(rows[i]) < height, op, ": rows[", i, "] is ", rows[i],
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
      check(false, op, ": row ", rows[i],
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
  check(parameter.dim() == 2, op, ": parameter has shape ", shape(parameter), ", expected [V, H]");
  const int64_t height = parameter.size(0), features = parameter.size(1);
  check_same_shape(op, "average", average, "parameter", parameter);
  check_same_shape(op, "square", square, "parameter", parameter);
  check_same_dtype(op, "average", average, "parameter", parameter);
  check_same_dtype(op, "square", square, "parameter", parameter);
  check(parameter.is_contiguous() && average.is_contiguous() && square.is_contiguous(), op,
        ": parameter, average or square is not contiguous");
  check(height <= std::numeric_limits<int32_t>::max(), op, ": parameter has ", height, " rows");
  if (done) {
    check_same_device(op, "done", *done, "parameter", parameter);
    check(done->dim() == 1 && done->size(0) == height && done->scalar_type() == ScalarType::Int &&
              done->is_contiguous(),
          op, ": done has shape ", shape(*done), " and dtype ", dtype(*done),
          ", expected a contiguous int32 [", height, "]");
  }
  check_same_device(op, "schedule", schedule, "parameter", parameter);
  check(schedule.dim() == 2 && schedule.size(1) == 2 && schedule.is_contiguous() &&
            schedule.scalar_type() == ScalarType::Double,
        op, ": schedule has shape ", shape(schedule), " and dtype ", dtype(schedule),
        ", expected a contiguous float64 [S, 2]");
  check(0 < steps && steps <= schedule.size(0) && steps <= std::numeric_limits<int32_t>::max(), op,
        ": steps is ", steps, ", expected 0 < steps <= ", schedule.size(0), ", the schedule's");
  check(rows || !gradient, op, ": a gradient needs rows");
  if (rows) {
    check_same_device(op, "rows", *rows, "parameter", parameter);
    check(rows->dim() == 1 &&
              (rows->scalar_type() == ScalarType::Long || rows->scalar_type() == ScalarType::Int),
          op, ": rows has shape ", shape(*rows), " and dtype ", dtype(*rows),
          ", expected a 1-D int32 or int64");
  }
  if (gradient) {
    check_same_dtype(op, "gradient", *gradient, "parameter", parameter);
    check(
        gradient->dim() == 2 && gradient->size(0) == rows->size(0) && gradient->size(1) == features,
        op, ": gradient has shape ", shape(*gradient), ", expected [", rows->size(0), ", ",
        features, "]");
  }
  const auto rates = adam_rates(op, beta1, beta2, eps, weight_decay);

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
  dispatch_floating(op, "parameter", parameter, [&](auto zero) {
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

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "adam_rows(Tensor(a!) parameter, Tensor(b!) average, Tensor(c!) square, Tensor(d!)? done,"
      " Tensor? rows, Tensor? gradient, Tensor schedule, int steps, float beta1, float beta2,"
      " float eps, float weight_decay) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) { m.impl("adam_rows", TORCH_BOX(&adam_rows)); }

}  // namespace ntm_fast
