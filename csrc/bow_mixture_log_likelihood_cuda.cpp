#include <tuple>

#include "bow_mixture_checks.h"
#include "bow_mixture_device.h"
#include "csr_device_torch.h"
#include "topic_norms_cuda.h"
#include "word_sums.h"

namespace ntm_fast {

namespace {

using namespace bow_mixture;

template <class T>
DeviceBatch<T> checked_batch(const Tensor& indptr, const Tensor& indices, const Tensor& counts,
                             const Tensor& topic_logits) {
  return DeviceBatch<T>(op, NotingOp::bow_mixture_log_likelihood, indptr, indices, counts,
                        topic_logits.size(0), "topic_logits", topic_logits);
}

// -> log likelihood [B], and for the backward: its gradient to theta [B, K], counts / p [N] and
// the topics' norms [2, K]
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& theta, const Tensor& topic_logits,
                                                   const Tensor& indptr, const Tensor& indices,
                                                   const Tensor& counts, const Order& order) {
  check_parameters(theta, topic_logits, indptr);
  check_order(op, order, indices);
  const CudaScope cuda(theta);
  const Tensor t = contiguous(theta), l = contiguous(topic_logits);
  const int64_t documents = theta.size(0), topics = theta.size(1);
  return dispatch_floating(op, "theta", theta, [&](auto zero) {
    using T = decltype(zero);
    check(topics * int64_t(sizeof(T)) <= mixture_shared_bytes, op, ": theta has ", topics,
          " topics, expected at most ", mixture_shared_bytes / int64_t(sizeof(T)),
          " on a CUDA device");
    const auto batch = checked_batch<T>(indptr, indices, counts, topic_logits);
    const Tensor norms = topic_norms<T>(op, l, cuda);
    const Tensor log_likelihood = torch::stable::new_empty(theta, {documents}),
                 grad_theta = torch::stable::new_empty(theta, {documents, topics}),
                 ratios = torch::stable::new_empty(theta, {batch.view().nonzeros});
    const DeviceMixture<T> args{batch.view(),
                                data<T>(t),
                                data<T>(l),
                                data<T>(norms),
                                mutable_data<T>(log_likelihood),
                                mutable_data<T>(grad_theta),
                                mutable_data<T>(ratios),
                                topics};
    check_launch(op, mixture_documents_cuda(args, cuda.stream()));
    return std::tuple(log_likelihood, grad_theta, ratios, norms);
  });
}

// -> gradients of theta [B, K] and topic_logits [V, K]; an empty tensor for one not wanted
std::tuple<Tensor, Tensor> backward(const Tensor& grad_log_likelihood, const Tensor& theta,
                                    const Tensor& topic_logits, const Tensor& indptr,
                                    const Tensor& indices, const Tensor& counts,
                                    const Tensor& unit_grad_theta, const Tensor& ratios,
                                    const Tensor& norms, const Order& order, bool want_theta,
                                    bool want_logits) {
  check_parameters(theta, topic_logits, indptr);
  check_backward(grad_log_likelihood, theta, indices, unit_grad_theta, ratios, norms);
  const CudaScope cuda(theta);
  const int64_t documents = theta.size(0), words = topic_logits.size(0), topics = theta.size(1);
  const Tensor g = contiguous(grad_log_likelihood), t = contiguous(theta),
               l = contiguous(topic_logits), unit = contiguous(unit_grad_theta),
               r = contiguous(ratios), n = contiguous(norms);
  const Tensor grad_theta = torch::stable::new_empty(t, {want_theta ? documents : 0, topics}),
               grad_logits = torch::stable::new_empty(l, {want_logits ? words : 0, topics});
  dispatch_floating(op, "theta", theta, [&](auto zero) {
    using T = decltype(zero);
    if (want_theta) {
      check_launch(op, mixture_theta_cuda(
                           DeviceMixtureTheta<T>{data<T>(g), data<T>(unit),
                                                 mutable_data<T>(grad_theta), documents, topics},
                           cuda.stream()));
    }
    if (!want_logits) return;
    const auto batch = checked_batch<T>(indptr, indices, counts, topic_logits);
    const DeviceWordOrdered<T> ordered(op, batch, order, cuda);
    const int64_t nonzeros = batch.view().nonzeros;
    const Tensor coefficients = torch::stable::new_empty(t, {nonzeros}),
                 totals = torch::stable::new_empty(t, {topics});
    check_launch(op,
                 mixture_terms_cuda(
                     DeviceMixtureTerms<T>{data<T>(g), data<T>(t), data<T>(unit), data<T>(r),
                                           ordered.view().documents, mutable_data<T>(coefficients),
                                           mutable_data<T>(totals), documents, topics, nonzeros},
                     cuda.stream()));
    const int64_t chunks = (nonzeros + places_per_chunk - 1) / places_per_chunk;
    const Tensor partials = torch::stable::new_empty(t, {chunks, 2, topics});
    check_launch(op, word_sums_cuda(WordSums<T>{ordered.view(), data<T>(coefficients), false,
                                                data<T>(t), mutable_data<T>(grad_logits),
                                                mutable_data<T>(partials), words, topics},
                                    cuda.stream()));
    check_launch(op, mixture_words_cuda(
                         DeviceMixtureWords<T>{batch.view(), ordered.view(), data<T>(g), data<T>(t),
                                               data<T>(l), data<T>(n), data<T>(totals), data<T>(r),
                                               mutable_data<T>(grad_logits), words, topics},
                         cuda.stream()));
  });
  return {grad_theta, grad_logits};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("bow_mixture_log_likelihood", TORCH_BOX(&forward));
  m.impl("bow_mixture_log_likelihood_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
