#include "bow_mixture_log_likelihood.h"

#include <tuple>
#include <vector>

#include "ops/csr_batch.h"
#include "ops/huge_pages.h"
#include "ops/topic_norms.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "bow_mixture_log_likelihood";
constexpr int64_t documents_per_block = 4, words_per_block = 64;
constexpr double element_ns = .3;  // of a row of topics, at a word or at a nonzero

void check_parameters(const Tensor& theta, const Tensor& topic_logits, const Tensor& indptr) {
  check(theta.dim() == 2 && theta.size(1) > 0, op, ": theta has shape ", shape(theta),
        ", expected [B, K], K > 0");
  check(
      topic_logits.dim() == 2 && topic_logits.size(1) == theta.size(1) && topic_logits.size(0) > 0,
      op, ": topic_logits has shape ", shape(topic_logits), ", expected [V, ", theta.size(1),
      "], V > 0");
  check_same_dtype(op, "topic_logits", topic_logits, "theta", theta);
  check(indptr.dim() == 1 && indptr.size(0) == theta.size(0) + 1, op, ": indptr has shape ",
        shape(indptr), ", expected [", theta.size(0) + 1, "], one more than the rows of theta");
}

void check_backward(const Tensor& grad_log_likelihood, const Tensor& theta, const Tensor& indices,
                    const Tensor& unit_grad_theta, const Tensor& ratios, const Tensor& norms) {
  check(grad_log_likelihood.dim() == 1 && grad_log_likelihood.size(0) == theta.size(0), op,
        ": grad_log_likelihood has shape ", shape(grad_log_likelihood), ", expected [",
        theta.size(0), "]");
  check(norms.dim() == 2 && norms.size(0) == 2 && norms.size(1) == theta.size(1), op,
        ": norms has shape ", shape(norms), ", expected [2, ", theta.size(1), "]");
  check_same_dtype(op, "grad_log_likelihood", grad_log_likelihood, "theta", theta);
  check_same_dtype(op, "norms", norms, "theta", theta);
  check_same_dtype(op, "grad_theta", unit_grad_theta, "theta", theta);
  check_same_dtype(op, "ratios", ratios, "theta", theta);
  check_same_shape(op, "grad_theta", unit_grad_theta, "theta", theta);
  check_same_shape(op, "ratios", ratios, "indices", indices);
}

template <class Device, class T>
Batch<Device, T> batch_of(const Tensor& indptr, const Tensor& indices, const Tensor& counts,
                          const Tensor& topic_logits) {
  return Batch<Device, T>(op, NotingOp::bow_mixture_log_likelihood, indptr, indices, counts,
                          topic_logits.size(0), "topic_logits", topic_logits);
}

// What the forward writes.
struct Outputs {
  Tensor log_likelihood;  // [B]
  Tensor grad_theta;      // [B, K], of each document's log likelihood
  Tensor ratios;          // [N], counts / p
  Tensor norms;           // [2, K], of the topics
};

void check_topics(const Cpu&, const Tensor&) {}

[[maybe_unused]] void check_topics(const Cuda&, const Tensor& theta) {
  const int64_t topics = theta.size(1), size = int64_t(theta.element_size());
  check(topics * size <= mixture_shared_bytes, op, ": theta has ", topics,
        " topics, expected at most ", mixture_shared_bytes / size, " on a CUDA device");
}

template <class T>
void take_documents(const Cpu&, const Batch<Cpu, T>& batch, const Tensor& theta,
                    const Tensor& topic_logits, const Outputs& out) {
  const int64_t topics = theta.size(1), stride = padded_topics(topics);
  const auto norms = padded_rows(data<T>(out.norms), 2, topics, stride);
  const Mixture<T> args{batch.view(),
                        data<T>(theta),
                        data<T>(topic_logits),
                        {norms.data(), norms.data() + stride},
                        mutable_data<T>(out.log_likelihood),
                        mutable_data<T>(out.grad_theta),
                        mutable_data<T>(out.ratios),
                        topics,
                        stride};
  const auto kernel = NTM_FAST_CPU_CALL(mixture_documents<T>);
  const double work = element_ns * double(batch.view().nonzeros * topics);
  parallel_blocks(theta.size(0), documents_per_block, work, [&](int64_t first, int64_t last) {
    const std::unique_ptr<T[]> scratch(new T[size_t(3 * stride)]);
    kernel(args, first, last, scratch.get());
  });
}

template <class T>
void take_documents(const Cuda& cuda, const Batch<Cuda, T>& batch, const Tensor& theta,
                    const Tensor& topic_logits, const Outputs& out) {
  const CudaMixture<T> args{batch.view(),
                            data<T>(theta),
                            data<T>(topic_logits),
                            data<T>(out.norms),
                            mutable_data<T>(out.log_likelihood),
                            mutable_data<T>(out.grad_theta),
                            mutable_data<T>(out.ratios),
                            theta.size(1)};
  cuda.check_launch(mixture_documents_cuda(args, cuda.stream()));
}

// (theta [B, K], topic_logits [V, K], …) -> Outputs; the order is for the backward
template <class Device>
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& theta, const Tensor& topic_logits,
                                                   const Tensor& indptr, const Tensor& indices,
                                                   const Tensor& counts, const Order& order) {
  check_parameters(theta, topic_logits, indptr);
  check_order(op, order, indices);
  const Device device(op, theta);
  const Tensor t = contiguous(theta), l = contiguous(topic_logits);
  const int64_t documents = theta.size(0), topics = theta.size(1);
  return dispatch_floating(op, "theta", theta, [&](auto zero) {
    using T = decltype(zero);
    check_topics(device, theta);
    const auto batch = batch_of<Device, T>(indptr, indices, counts, topic_logits);
    const Outputs out{torch::stable::new_empty(theta, {documents}),
                      torch::stable::new_empty(theta, {documents, topics}),
                      torch::stable::new_empty(theta, {batch.view().nonzeros}),
                      topic_norms<T>(device, l)};
    take_documents(device, batch, t, l, out);
    return std::tuple(out.log_likelihood, out.grad_theta, out.ratios, out.norms);
  });
}

// What the backward reads; all tensors are contiguous.
struct Inputs {
  Tensor gradient, theta, topic_logits;   // [B], [B, K], [V, K]
  Tensor unit_grad_theta, ratios, norms;  // of the forward
};

template <class T>
void take_theta(const Cpu&, const Inputs& in, const Tensor& grad_theta) {
  const int64_t documents = in.theta.size(0), topics = in.theta.size(1);
  T* const to = mutable_data<T>(grad_theta);
  for (int64_t d = 0; d < documents; ++d) {
    const T *from = data<T>(in.unit_grad_theta) + d * topics, scale = data<T>(in.gradient)[d];
    for (int64_t k = 0; k < topics; ++k) to[d * topics + k] = scale * from[k];
  }
}

template <class T>
void take_theta(const Cuda& cuda, const Inputs& in, const Tensor& grad_theta) {
  const CudaMixtureTheta<T> args{data<T>(in.gradient), data<T>(in.unit_grad_theta),
                                 mutable_data<T>(grad_theta), in.theta.size(0), in.theta.size(1)};
  cuda.check_launch(mixture_theta_cuda(args, cuda.stream()));
}

// c[k] = sum_d gradient[d] theta[d, k] grad_theta[d, k], padded
template <class T>
std::vector<T> topic_gradients(const T* gradient, const T* theta, const T* grad_theta,
                               int64_t documents, int64_t topics, int64_t stride) {
  std::vector<double> sums(size_t(topics), 0.);
  for (int64_t d = 0; d < documents; ++d) {
    const T *row = theta + d * topics, *grad_row = grad_theta + d * topics;
    // Where theta is 0 the topic has no share, even if its gradient overflowed.
    for (int64_t k = 0; k < topics; ++k) {
      sums[k] += row[k] == 0 ? 0. : double(gradient[d]) * (double(row[k]) * double(grad_row[k]));
    }
  }
  std::vector<T> result(size_t(stride), T(0));
  for (int64_t k = 0; k < topics; ++k) result[k] = T(sums[k]);
  return result;
}

template <class T>
void take_logits(const Cpu& cpu, const Batch<Cpu, T>& batch, const Order& order, const Inputs& in,
                 const Tensor& grad_logits) {
  const int64_t documents = in.theta.size(0), words = in.topic_logits.size(0),
                topics = in.theta.size(1), stride = padded_topics(topics);
  const ByWord<Cpu, T> ordered(op, cpu, batch, order);
  const WordOrder<T>& places = ordered.view();
  const T *const gradient = data<T>(in.gradient), *const ratios = data<T>(in.ratios);
  const std::unique_ptr<T[]> coefficients(new T[size_t(places.nonzeros)]);
  bool underflown = false;
  for (int64_t i = 0; i < places.nonzeros; ++i) {
    const T x = ratios[places.positions[i]];
    coefficients[i] = x < 0 ? T(0) : gradient[places.documents[i]] * x;
    underflown |= x < 0;
  }
  const auto theta = padded_rows(data<T>(in.theta), documents, topics, stride);
  const auto norms = padded_rows(data<T>(in.norms), 2, topics, stride);
  const auto totals = topic_gradients(gradient, data<T>(in.theta), data<T>(in.unit_grad_theta),
                                      documents, topics, stride);
  T* const to = mutable_data<T>(grad_logits);
  prefer_huge_pages(to, words * topics * int64_t(sizeof(T)));
  const MixtureBackward<T> args{places,
                                theta.data(),
                                data<T>(in.topic_logits),
                                {norms.data(), norms.data() + stride},
                                totals.data(),
                                gradient,
                                ratios,
                                coefficients.get(),
                                to,
                                topics,
                                stride,
                                underflown};
  const auto kernel = NTM_FAST_CPU_CALL(mixture_words<T>);
  const double work = element_ns * double((places.nonzeros + words) * topics);
  parallel_scattered_blocks(words, words_per_block, work,
                            [&](int64_t first, int64_t last) { kernel(args, first, last); });
}

template <class T>
void take_logits(const Cuda& cuda, const Batch<Cuda, T>& batch, const Order& order,
                 const Inputs& in, const Tensor& grad_logits) {
  const int64_t documents = in.theta.size(0), words = in.topic_logits.size(0),
                topics = in.theta.size(1), nonzeros = batch.view().nonzeros;
  const ByWord<Cuda, T> ordered(op, cuda, batch, order);
  const Tensor coefficients = torch::stable::new_empty(in.theta, {nonzeros}),
               totals = torch::stable::new_empty(in.theta, {topics});
  const CudaMixtureTerms<T> terms{data<T>(in.gradient),
                                  data<T>(in.theta),
                                  data<T>(in.unit_grad_theta),
                                  data<T>(in.ratios),
                                  ordered.view().documents,
                                  mutable_data<T>(coefficients),
                                  mutable_data<T>(totals),
                                  documents,
                                  topics,
                                  nonzeros};
  cuda.check_launch(mixture_terms_cuda(terms, cuda.stream()));
  sum_by_word<T>(cuda, ordered, coefficients, false, in.theta, grad_logits);
  const CudaMixtureWords<T> args{batch.view(),
                                 ordered.view(),
                                 data<T>(in.gradient),
                                 data<T>(in.theta),
                                 data<T>(in.topic_logits),
                                 data<T>(in.norms),
                                 data<T>(totals),
                                 data<T>(in.ratios),
                                 mutable_data<T>(grad_logits),
                                 words,
                                 topics};
  cuda.check_launch(mixture_words_cuda(args, cuda.stream()));
}

// -> gradients of theta [B, K] and topic_logits [V, K]; an empty tensor for one not wanted
template <class Device>
std::tuple<Tensor, Tensor> backward(const Tensor& grad_log_likelihood, const Tensor& theta,
                                    const Tensor& topic_logits, const Tensor& indptr,
                                    const Tensor& indices, const Tensor& counts, const Order& order,
                                    const Tensor& unit_grad_theta, const Tensor& ratios,
                                    const Tensor& norms, bool want_theta, bool want_logits) {
  check_parameters(theta, topic_logits, indptr);
  check_order(op, order, indices);
  check_backward(grad_log_likelihood, theta, indices, unit_grad_theta, ratios, norms);
  const Device device(op, theta);
  const Inputs in{contiguous(grad_log_likelihood), contiguous(theta),  contiguous(topic_logits),
                  contiguous(unit_grad_theta),     contiguous(ratios), contiguous(norms)};
  const int64_t documents = theta.size(0), words = topic_logits.size(0), topics = theta.size(1);
  const Tensor grad_theta =
                   torch::stable::new_empty(in.theta, {want_theta ? documents : 0, topics}),
               grad_logits =
                   torch::stable::new_empty(in.topic_logits, {want_logits ? words : 0, topics});
  dispatch_floating(op, "theta", theta, [&](auto zero) {
    using T = decltype(zero);
    if (want_theta) take_theta<T>(device, in, grad_theta);
    if (!want_logits) return;
    const auto batch = batch_of<Device, T>(indptr, indices, counts, topic_logits);
    take_logits(device, batch, order, in, grad_logits);
  });
  return {grad_theta, grad_logits};
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def(
      "bow_mixture_log_likelihood(Tensor theta, Tensor topic_logits, Tensor indptr, Tensor indices,"
      " Tensor counts, Tensor? order) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "bow_mixture_log_likelihood_backward(Tensor grad_log_likelihood, Tensor theta,"
      " Tensor topic_logits, Tensor indptr, Tensor indices, Tensor counts, Tensor? order,"
      " Tensor grad_theta, Tensor ratios, Tensor norms, bool want_theta, bool want_logits)"
      " -> (Tensor, Tensor)");
}

NTM_FAST_KERNELS(m) {
  m.impl("bow_mixture_log_likelihood", TORCH_BOX(&forward<Device>));
  m.impl("bow_mixture_log_likelihood_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
