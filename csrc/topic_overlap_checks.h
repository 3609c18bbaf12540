#pragma once
// Checks of topic_overlap that every device makes.

#include "tensors.h"

namespace ntm_fast {
namespace topic_overlap {

constexpr char op[] = "topic_overlap";

inline void check_logits(const Tensor& topic_logits) {
  check(topic_logits.dim() == 2 && topic_logits.size(0) > 0 && topic_logits.size(1) > 0, op,
        ": topic_logits has shape ", shape(topic_logits), ", expected [V, K], V > 0, K > 0");
}

inline void check_backward(const Tensor& grad_overlap, const Tensor& topic_logits,
                           const Tensor& norms, const Tensor& scales, const Tensor& gram_gradient) {
  check_logits(topic_logits);
  const int64_t words = topic_logits.size(0), topics = topic_logits.size(1);
  check(grad_overlap.dim() == 0, op, ": grad_overlap has shape ", shape(grad_overlap),
        ", expected []");
  check(norms.dim() == 2 && norms.size(0) == 2 && norms.size(1) == topics, op, ": norms has shape ",
        shape(norms), ", expected [2, ", topics, "]");
  check(scales.dim() == 1 && scales.size(0) == words, op, ": scales has shape ", shape(scales),
        ", expected [", words, "]");
  check(gram_gradient.dim() == 2 && gram_gradient.size(0) == topics &&
            gram_gradient.size(1) == topics,
        op, ": gram_gradient has shape ", shape(gram_gradient), ", expected [", topics, ", ",
        topics, "]");
  check_same_dtype(op, "grad_overlap", grad_overlap, "topic_logits", topic_logits);
  check_same_dtype(op, "norms", norms, "topic_logits", topic_logits);
  check_same_dtype(op, "scales", scales, "topic_logits", topic_logits);
  check_same_dtype(op, "gram_gradient", gram_gradient, "topic_logits", topic_logits);
}

}  // namespace topic_overlap
}  // namespace ntm_fast
