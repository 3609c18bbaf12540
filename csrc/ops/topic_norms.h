#pragma once
// The norms of topics (TopicNorms), for every op that takes topics' logits.

#include <algorithm>
#include <memory>
#include <vector>

#include "bow_mixture_log_likelihood.h"
#include "ops/device.h"

namespace ntm_fast {

inline int64_t padded_topics(int64_t topics) {
  return (topics + row_padding - 1) / row_padding * row_padding;
}

template <class T>
std::vector<T> padded_rows(const T* from, int64_t rows, int64_t columns, int64_t stride,
                           T padding = 0) {
  std::vector<T> result(size_t(rows * stride), padding);
  for (int64_t row = 0; row < rows; ++row) {
    std::copy_n(from + row * columns, columns, result.begin() + row * stride);
  }
  return result;
}

// logsumexp over the words of each topic's logits [V, K], and its rest (TopicNorms), [2, K]
template <class T>
Tensor topic_norms(const Cpu&, const Tensor& logits) {
  constexpr double element_ns = .3;
  const int64_t words = logits.size(0), topics = logits.size(1);
  const int64_t blocks = (words + mixture_words_per_block - 1) / mixture_words_per_block;
  const Tensor norms = torch::stable::new_empty(logits, {2, topics});
  const std::unique_ptr<T[]> partials(new T[size_t(2 * blocks * topics)]);
  const MixtureNorms<T> args{data<T>(logits), partials.get(), partials.get() + blocks * topics,
                             words, topics};
  const auto kernel = NTM_FAST_CPU_CALL(mixture_norms<T>);
  parallel_blocks(blocks, 1, element_ns * double(words * topics),
                  [&](int64_t first, int64_t last) { kernel(args, first, last); });
  T* const values = mutable_data<T>(norms);
  NTM_FAST_CPU_CALL(mixture_merge_norms<T>)(args, values, values + topics);
  return norms;
}

template <class T>
Tensor topic_norms(const Cuda& cuda, const Tensor& logits) {
  const int64_t words = logits.size(0), topics = logits.size(1);
  const int64_t parts = (words + mixture_words_per_partial - 1) / mixture_words_per_partial;
  const Tensor maxima = torch::stable::new_empty(logits, {parts, topics}),
               sums = torch::stable::new_empty(logits, {parts, topics}),
               norms = torch::stable::new_empty(logits, {2, topics});
  const CudaMixtureNorms<T> args{data<T>(logits),
                                 mutable_data<T>(maxima),
                                 mutable_data<T>(sums),
                                 mutable_data<T>(norms),
                                 words,
                                 topics};
  cuda.check_launch(mixture_norms_cuda(args, cuda.stream()));
  cuda.check_launch(mixture_merge_norms_cuda(args, cuda.stream()));
  return norms;
}

}  // namespace ntm_fast
