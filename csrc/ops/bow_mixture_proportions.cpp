#include "bow_mixture_proportions.h"

#include <limits>

#include "bow_mixture_proportions_checks.h"
#include "check_values.h"
#include "csr.h"
#include "topic_norms_torch.h"

namespace ntm_fast {

namespace {

using namespace bow_mixture_proportions;

constexpr int64_t documents_per_block = 8;
constexpr double element_ns = .15;  // of a row of topics at a nonzero, each step
constexpr double topic_ns = 4;      // of a topic of a document, each step

// -> theta [B, K] after the steps
Tensor forward(const Tensor& theta, const Tensor& topics, const Tensor& prior, const Tensor& indptr,
               const Tensor& indices, const Tensor& counts, int64_t steps) {
  check_arguments(theta, topics, prior, indptr, steps);
  const int64_t documents = theta.size(0), n_topics = theta.size(1);
  const int64_t stride = padded_topics(n_topics);
  const Tensor t = in_float64(theta), b = contiguous(topics), a = in_float64(prior);
  const auto concentration = [](double x) {
    return (x > 0) & (x <= std::numeric_limits<double>::max());
  };
  check_values(op, "prior", data<double>(a), n_topics, concentration, "positive and finite");
  const Tensor proportions = torch::stable::new_empty(t, {documents, n_topics});
  dispatch_floating(op, "topics", topics, [&](auto zero) {
    using T = decltype(zero);
    const CsrBatch<T> batch(op, indptr, indices, counts, topics.size(0));
    const MixtureProportions<T> args{batch.view(),
                                     data<T>(b),
                                     data<double>(t),
                                     data<double>(a),
                                     mutable_data<double>(proportions),
                                     n_topics,
                                     steps};
    const auto kernel = NTM_FAST_CPU_CALL(mixture_proportions<T>);
    const double work = double(steps * n_topics) *
                        (element_ns * double(batch.view().nonzeros) + topic_ns * double(documents));
    constexpr int64_t line = 64;
    const int64_t scratch_size =
        4 * stride + (mixture_proportions_copies + line) / int64_t(sizeof(double));
    parallel_scattered_blocks(
        documents, documents_per_block, work, [&](int64_t first, int64_t last) {
          const std::unique_ptr<double[]> scratch(new double[size_t(scratch_size)]);
          kernel(args, stride, first, last, scratch.get());
        });
  });
  return in_dtype_of(theta, proportions);
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "bow_mixture_proportions(Tensor theta, Tensor topics, Tensor prior, Tensor indptr,"
      " Tensor indices, Tensor counts, int steps) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("bow_mixture_proportions", TORCH_BOX(&forward));
}

}  // namespace ntm_fast
