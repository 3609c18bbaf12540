#include "bow_mixture_proportions.h"

#include "bow_mixture_proportions_checks.h"
#include "csr_device_torch.h"

namespace ntm_fast {

namespace {

using namespace bow_mixture_proportions;

// As on the CPU.
Tensor forward(const Tensor& theta, const Tensor& topics, const Tensor& prior, const Tensor& indptr,
               const Tensor& indices, const Tensor& counts, int64_t steps) {
  check_arguments(theta, topics, prior, indptr, steps);
  const int64_t documents = theta.size(0), n_topics = theta.size(1);
  check(mixture_proportions_warps(n_topics) >= 1, op, ": theta has ", n_topics,
        " topics, expected at most 3072 on a CUDA device");
  const CudaScope cuda(theta);
  const Tensor t = in_float64(theta), b = contiguous(topics), a = in_float64(prior);
  const Tensor proportions = torch::stable::new_empty(t, {documents, n_topics});
  dispatch_floating(op, "topics", topics, [&](auto zero) {
    using T = decltype(zero);
    const DeviceBatch<T> batch(op, NotingOp::bow_mixture_proportions, indptr, indices, counts,
                               topics.size(0), "topics", topics);
    const DeviceMixtureProportions<T> args{batch.view(),
                                           data<T>(b),
                                           data<double>(t),
                                           data<double>(a),
                                           mutable_data<double>(proportions),
                                           n_topics,
                                           steps};
    check_launch(op, mixture_proportions_cuda(args, cuda.stream()));
  });
  return in_dtype_of(theta, proportions);
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("bow_mixture_proportions", TORCH_BOX(&forward));
}

}  // namespace ntm_fast
