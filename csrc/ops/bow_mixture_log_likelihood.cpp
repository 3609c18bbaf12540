#include "bow_mixture_log_likelihood.h"

#include <tuple>
#include <vector>

#include "bow_mixture_checks.h"
#include "csr.h"
#include "huge_pages.h"
#include "topic_norms_torch.h"

namespace ntm_fast {

namespace {

using namespace bow_mixture;

constexpr int64_t documents_per_block = 4, words_per_block = 64;
constexpr double element_ns = .3;  // of a row of topics, at a word or at a nonzero

// -> log likelihood [B], and for the backward: its gradient to theta [B, K], counts / p [N] and
// the topics' norms [2, K]
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& theta, const Tensor& topic_logits,
                                                   const Tensor& indptr, const Tensor& indices,
                                                   const Tensor& counts, const Order& order) {
  check_parameters(theta, topic_logits, indptr);
  check_order(op, order, indices);
  const Tensor t = contiguous(theta), l = contiguous(topic_logits);
  const int64_t documents = theta.size(0), topics = theta.size(1);
  const int64_t stride = padded_topics(topics);
  const Tensor log_likelihood = torch::stable::new_empty(theta, {documents}),
               grad_theta = torch::stable::new_empty(theta, {documents, topics}),
               ratios = torch::stable::new_empty(theta, {indices.dim() ? indices.size(0) : 0}),
               norms = torch::stable::new_empty(theta, {2, topics});
  dispatch_floating(op, "theta", theta, [&](auto zero) {
    using T = decltype(zero);
    const CsrBatch<T> batch(op, indptr, indices, counts, topic_logits.size(0));
    topic_norms(l, mutable_data<T>(norms));
    const auto padded_norms = padded_rows(data<T>(norms), 2, topics, stride);
    const Mixture<T> args{batch.view(),
                          data<T>(t),
                          data<T>(l),
                          {padded_norms.data(), padded_norms.data() + stride},
                          mutable_data<T>(log_likelihood),
                          mutable_data<T>(grad_theta),
                          mutable_data<T>(ratios),
                          topics,
                          stride};
    const auto kernel = NTM_FAST_CPU_CALL(mixture_documents<T>);
    const double work = element_ns * double(batch.view().nonzeros * topics);
    parallel_blocks(documents, documents_per_block, work, [&](int64_t first, int64_t last) {
      const std::unique_ptr<T[]> scratch(new T[size_t(3 * stride)]);
      kernel(args, first, last, scratch.get());
    });
  });
  return {log_likelihood, grad_theta, ratios, norms};
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

// -> gradients of theta [B, K] and topic_logits [V, K]; an empty tensor for one not wanted
std::tuple<Tensor, Tensor> backward(const Tensor& grad_log_likelihood, const Tensor& theta,
                                    const Tensor& topic_logits, const Tensor& indptr,
                                    const Tensor& indices, const Tensor& counts,
                                    const Tensor& unit_grad_theta, const Tensor& ratios,
                                    const Tensor& norms, const Order& order, bool want_theta,
                                    bool want_logits) {
  check_parameters(theta, topic_logits, indptr);
  check_order(op, order, indices);
  const int64_t documents = theta.size(0), words = topic_logits.size(0), topics = theta.size(1);
  const int64_t stride = padded_topics(topics);
  check_backward(grad_log_likelihood, theta, indices, unit_grad_theta, ratios, norms);
  const Tensor g = contiguous(grad_log_likelihood), t = contiguous(theta),
               l = contiguous(topic_logits), unit = contiguous(unit_grad_theta),
               r = contiguous(ratios), n = contiguous(norms);
  const Tensor grad_theta = torch::stable::new_empty(t, {want_theta ? documents : 0, topics}),
               grad_logits = torch::stable::new_empty(l, {want_logits ? words : 0, topics});
  dispatch_floating(op, "theta", theta, [&](auto zero) {
    using T = decltype(zero);
    const T* gradient = data<T>(g);
    if (want_theta) {
      T* const to = mutable_data<T>(grad_theta);
      for (int64_t d = 0; d < documents; ++d) {
        const T *from = data<T>(unit) + d * topics, scale = gradient[d];
        for (int64_t k = 0; k < topics; ++k) to[d * topics + k] = scale * from[k];
      }
    }
    if (!want_logits) return;
    const CsrBatch<T> batch(op, indptr, indices, counts, words);
    const WordOrdered<T> ordered(op, batch, order);
    const WordOrder<T>& places = ordered.view();
    const T* ratio = data<T>(r);
    const std::unique_ptr<T[]> coefficients(new T[size_t(places.nonzeros)]);
    bool underflown = false;
    for (int64_t i = 0; i < places.nonzeros; ++i) {
      const T x = ratio[places.positions[i]];
      coefficients[i] = x < 0 ? T(0) : gradient[places.documents[i]] * x;
      underflown |= x < 0;
    }
    const auto padded_theta = padded_rows(data<T>(t), documents, topics, stride);
    const auto padded_norms = padded_rows(data<T>(n), 2, topics, stride);
    const auto totals =
        topic_gradients(gradient, data<T>(t), data<T>(unit), documents, topics, stride);
    T* const to = mutable_data<T>(grad_logits);
    prefer_huge_pages(to, words * topics * int64_t(sizeof(T)));
    const MixtureBackward<T> args{places,
                                  padded_theta.data(),
                                  data<T>(l),
                                  {padded_norms.data(), padded_norms.data() + stride},
                                  totals.data(),
                                  gradient,
                                  ratio,
                                  coefficients.get(),
                                  to,
                                  topics,
                                  stride,
                                  underflown};
    const auto kernel = NTM_FAST_CPU_CALL(mixture_words<T>);
    const double work = element_ns * double((places.nonzeros + words) * topics);
    parallel_scattered_blocks(words, words_per_block, work,
                              [&](int64_t first, int64_t last) { kernel(args, first, last); });
  });
  return {grad_theta, grad_logits};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def(
      "bow_mixture_log_likelihood(Tensor theta, Tensor topic_logits, Tensor indptr, Tensor indices,"
      " Tensor counts, Tensor? order) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "bow_mixture_log_likelihood_backward(Tensor grad_log_likelihood, Tensor theta,"
      " Tensor topic_logits, Tensor indptr, Tensor indices, Tensor counts, Tensor grad_theta,"
      " Tensor ratios, Tensor norms, Tensor? order, bool want_theta, bool want_logits)"
      " -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("bow_mixture_log_likelihood", TORCH_BOX(&forward));
  m.impl("bow_mixture_log_likelihood_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
