#pragma once
// The norms of topics on a CUDA device, for every op that takes topics' logits.

#include "bow_mixture_device.h"
#include "cuda_stream.h"

namespace ntm_fast {

// logsumexp over the words of each topic's logits, and its rest, [2, K]
template <class T>
Tensor topic_norms(const char* op, const Tensor& logits, const CudaScope& cuda) {
  const int64_t words = logits.size(0), topics = logits.size(1);
  const int64_t parts = (words + mixture_words_per_partial - 1) / mixture_words_per_partial;
  const Tensor maxima = torch::stable::new_empty(logits, {parts, topics}),
               sums = torch::stable::new_empty(logits, {parts, topics}),
               norms = torch::stable::new_empty(logits, {2, topics});
  const DeviceMixtureNorms<T> args{data<T>(logits),
                                   mutable_data<T>(maxima),
                                   mutable_data<T>(sums),
                                   mutable_data<T>(norms),
                                   words,
                                   topics};
  check_launch(op, mixture_norms_cuda(args, cuda.stream()));
  return norms;
}

}  // namespace ntm_fast
