#include <cmath>
#include <tuple>

#include "topic_norms_cuda.h"
#include "topic_overlap_checks.h"
#include "topic_overlap_device.h"
#include "torch_product.h"

namespace ntm_fast {

namespace {

using namespace topic_overlap;

// lifts [V, K] of the words; writes their scales [V] unless null
template <class T>
Tensor lifts_of(const Tensor& logits, const Tensor& norms, T* scales, const CudaScope& cuda) {
  const int64_t words = logits.size(0), topics = logits.size(1);
  const Tensor lifts = torch::stable::new_empty(logits, {words, topics});
  const DeviceOverlapLifts<T> args{data<T>(logits), data<T>(norms), mutable_data<T>(lifts),
                                   scales,          words,          topics};
  check_launch(op, overlap_lifts_cuda(args, cuda.stream()));
  return lifts;
}

// topic_logits [V, K] -> the overlap [], and for the backward: the topics' norms [2, K], the scales
// of the words' lifts [V], and the gradient [K, K] to the lifts' Gram matrix, times 2
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& topic_logits) {
  check_logits(topic_logits);
  const CudaScope cuda(topic_logits);
  const Tensor l = contiguous(topic_logits);
  const int64_t words = l.size(0), topics = l.size(1);
  return dispatch_floating(op, "topic_logits", topic_logits, [&](auto zero) {
    using T = decltype(zero);
    const Tensor norms = topic_norms<T>(op, l, cuda);
    const double log_words = std::log(double(words));
    check_launch(op, overlap_norms_cuda(mutable_data<T>(norms), log_words, topics, cuda.stream()));
    const Tensor overlap = torch::stable::new_empty(l, {}),
                 scales = torch::stable::new_empty(l, {words}),
                 gram = torch::stable::new_empty(l, {topics, topics}),
                 gradient = torch::stable::new_empty(l, {topics, topics}),
                 squares = torch::stable::new_empty(l, {topics});
    const Tensor lifts = lifts_of(l, norms, mutable_data<T>(scales), cuda);
    multiply(torch::stable::transpose(lifts, 0, 1), lifts, gram);
    const DeviceOverlapValue<T> args{data<T>(gram), mutable_data<T>(squares),
                                     mutable_data<T>(overlap), mutable_data<T>(gradient), topics};
    check_launch(op, overlap_value_cuda(args, cuda.stream()));
    return std::tuple(overlap, norms, scales, gradient);
  });
}

// -> gradient of topic_logits [V, K]
Tensor backward(const Tensor& grad_overlap, const Tensor& topic_logits, const Tensor& norms,
                const Tensor& scales, const Tensor& gram_gradient) {
  check_backward(grad_overlap, topic_logits, norms, scales, gram_gradient);
  const CudaScope cuda(topic_logits);
  const Tensor l = contiguous(topic_logits), n = contiguous(norms), s = contiguous(scales);
  const int64_t words = l.size(0), topics = l.size(1);
  const int64_t parts = (words + overlap_words_per_partial - 1) / overlap_words_per_partial;
  const Tensor gradient = torch::stable::new_empty(l, {words, topics}),
               partials = torch::stable::new_empty(l, {parts, topics}),
               sums = torch::stable::new_empty(l, {topics});
  dispatch_floating(op, "topic_logits", topic_logits, [&](auto zero) {
    using T = decltype(zero);
    const Tensor lifts = lifts_of<T>(l, n, nullptr, cuda);
    multiply(lifts, gram_gradient, gradient);
    const DeviceOverlapBackward<T> args{
        data<T>(grad_overlap),     data<T>(lifts),        data<T>(s), mutable_data<T>(gradient),
        mutable_data<T>(partials), mutable_data<T>(sums), words,      topics};
    check_launch(op, overlap_backward_cuda(args, cuda.stream()));
  });
  return gradient;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, NTM_FAST_CUDA_KEY, m) {
  m.impl("topic_overlap", TORCH_BOX(&forward));
  m.impl("topic_overlap_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
