#include "bow_mixture_proportions.h"

#include <limits>

#include "ops/csr_batch.h"
#include "ops/topic_norms.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "bow_mixture_proportions";
constexpr int64_t documents_per_block = 8;
constexpr double element_ns = .15;  // of a row of topics at a nonzero, each step
constexpr double topic_ns = 4;      // of a topic of a document, each step

void check_arguments(const Tensor& theta, const Tensor& topics, const Tensor& prior,
                     const Tensor& indptr, int64_t steps) {
  check(theta.dim() == 2 && theta.size(1) > 0, op, ": theta has shape ", shape(theta),
        ", expected [B, K], K > 0");
  check(topics.dim() == 2 && topics.size(1) == theta.size(1) && topics.size(0) > 0, op,
        ": topics has shape ", shape(topics), ", expected [V, ", theta.size(1), "], V > 0");
  check(prior.dim() == 1 && prior.size(0) == theta.size(1), op, ": prior has shape ", shape(prior),
        ", expected [", theta.size(1), "]");
  check(indptr.dim() == 1 && indptr.size(0) == theta.size(0) + 1, op, ": indptr has shape ",
        shape(indptr), ", expected [", theta.size(0) + 1, "], one more than the rows of theta");
  dispatch_floating(op, "theta", theta, [](auto) {});
  dispatch_floating(op, "topics", topics, [](auto) {});
  check(is_real(prior), op, ": prior must be of a real dtype, got ", dtype(prior));
  check_same_device(op, "topics", topics, "theta", theta);
  check_same_device(op, "prior", prior, "theta", theta);
  check(steps >= 0, op, ": steps is ", steps, ", expected at least 0");
}

Tensor in_float64(const Tensor& tensor) {
  return contiguous(tensor.scalar_type() == ScalarType::Double
                        ? tensor
                        : torch::stable::to(tensor, ScalarType::Double));
}

Tensor in_dtype_of(const Tensor& other, const Tensor& tensor) {
  return other.scalar_type() == tensor.scalar_type()
             ? tensor
             : torch::stable::to(tensor, other.scalar_type());
}

// On Cuda nobody waits for the prior's values.
void check_values_of(const Cpu&, const Tensor& prior) {
  const auto concentration = [](double x) {
    return (x > 0) & (x <= std::numeric_limits<double>::max());
  };
  check_values(op, "prior", data<double>(prior), prior.size(0), concentration,
               "positive and finite");
}

[[maybe_unused]] void check_values_of(const Cuda&, const Tensor& prior) {
  check(mixture_proportions_warps(prior.size(0)) >= 1, op, ": theta has ", prior.size(0),
        " topics, expected at most 3072 on a CUDA device");
}

template <class T>
void run(const Cpu&, const MixtureProportions<T>& args) {
  const int64_t documents = args.batch.documents, stride = padded_topics(args.topics);
  const auto kernel = NTM_FAST_CPU_CALL(mixture_proportions<T>);
  const double work = double(args.steps * args.topics) *
                      (element_ns * double(args.batch.nonzeros) + topic_ns * double(documents));
  constexpr int64_t line = 64;
  const int64_t scratch_size =
      4 * stride + (mixture_proportions_copies + line) / int64_t(sizeof(double));
  parallel_scattered_blocks(documents, documents_per_block, work, [&](int64_t first, int64_t last) {
    const std::unique_ptr<double[]> scratch(new double[size_t(scratch_size)]);
    kernel(args, stride, first, last, scratch.get());
  });
}

template <class T>
void run(const Cuda& cuda, const CudaMixtureProportions<T>& args) {
  cuda.check_launch(mixture_proportions_cuda(args, cuda.stream()));
}

// -> theta [B, K] after the steps
template <class Device>
Tensor forward(const Tensor& theta, const Tensor& topics, const Tensor& prior, const Tensor& indptr,
               const Tensor& indices, const Tensor& counts, int64_t steps) {
  check_arguments(theta, topics, prior, indptr, steps);
  const Device device(op, theta);
  const int64_t documents = theta.size(0), n_topics = theta.size(1);
  const Tensor t = in_float64(theta), b = contiguous(topics), a = in_float64(prior);
  check_values_of(device, a);
  const Tensor proportions = torch::stable::new_empty(t, {documents, n_topics});
  dispatch_floating(op, "topics", topics, [&](auto zero) {
    using T = decltype(zero);
    const Batch<Device, T> batch(op, NotingOp::bow_mixture_proportions, indptr, indices, counts,
                                 topics.size(0), "topics", topics);
    run(device, MixtureProportions<T, View<Device, T>>{
                    batch.view(), data<T>(b), data<double>(t), data<double>(a),
                    mutable_data<double>(proportions), n_topics, steps});
  });
  return in_dtype_of(theta, proportions);
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def(
      "bow_mixture_proportions(Tensor theta, Tensor topics, Tensor prior, Tensor indptr,"
      " Tensor indices, Tensor counts, int steps) -> Tensor");
}

NTM_FAST_KERNELS(m) { m.impl("bow_mixture_proportions", TORCH_BOX(&forward<Device>)); }

}  // namespace ntm_fast
