#include "topic_overlap.h"

#include <cmath>
#include <limits>
#include <tuple>

#include "huge_pages.h"
#include "topic_norms_torch.h"
#include "topic_overlap_checks.h"

namespace ntm_fast {

namespace {

using namespace topic_overlap;

constexpr double exponential_ns = .4, product_ns = .02;  // of an element, and of a multiplication
constexpr int64_t words_per_block = 64;                  // of the last pass

// Words are cut into chunks that have sums of their own: as many as threads may want, and no more
// than take a fourth of the logits' memory.
struct Chunks {
  int64_t words, size, count;

  Chunks(int64_t words, int64_t topics) : words(words) {
    constexpr int64_t most = 32;
    const int64_t wanted = std::clamp<int64_t>(words / (4 * topics), 1, most);
    const int64_t tiles = (words + overlap_tile_words - 1) / overlap_tile_words;
    size = (tiles + wanted - 1) / wanted * overlap_tile_words;
    count = (words + size - 1) / size;
  }
};

// norms [2, row_stride] with the padding that TopicLifts asks for
template <class T>
std::vector<T> norms_of_lifts(const T* norms, int64_t topics, int64_t stride) {
  auto result = padded_rows(norms, 2, topics, stride);
  std::fill(result.begin() + topics, result.begin() + stride, std::numeric_limits<T>::infinity());
  return result;
}

// topic_logits [V, K] -> the overlap [], and for the backward: the topics' norms [2, K], the scales
// of the words' lifts [V], and the gradient [K, K] to the lifts' Gram matrix, times 2
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& topic_logits) {
  check_logits(topic_logits);
  const Tensor l = contiguous(topic_logits);
  const int64_t words = l.size(0), topics = l.size(1), stride = padded_topics(topics);
  const Tensor overlap = torch::stable::new_empty(l, {}),
               norms = torch::stable::new_empty(l, {2, topics}),
               scales = torch::stable::new_empty(l, {words}),
               gradient = torch::stable::new_empty(l, {topics, topics});
  dispatch_floating(op, "topic_logits", topic_logits, [&](auto zero) {
    using T = decltype(zero);
    topic_norms(l, mutable_data<T>(norms));
    NTM_FAST_CPU_CALL(overlap_norms<T>)
    (mutable_data<T>(norms), std::log(double(words)), topics);
    const auto padded = norms_of_lifts(data<T>(norms), topics, stride);
    const TopicLifts<T> lifts{data<T>(l), {padded.data(), padded.data() + stride}, topics, stride};
    const Chunks chunks(words, topics);
    const std::unique_ptr<T[]> grams(new T[size_t(chunks.count * topics * stride)]);
    const auto kernel = NTM_FAST_CPU_CALL(overlap_gram<T>);
    const double work = double(words * topics) * (exponential_ns + product_ns * double(topics));
    parallel_blocks(words, chunks.size, work, [&](int64_t first, int64_t last) {
      const std::unique_ptr<T[]> scratch(new T[size_t(overlap_tile_words * stride)]);
      T* const gram = grams.get() + first / chunks.size * topics * stride;
      kernel({lifts, mutable_data<T>(scales), gram}, first, last, scratch.get());
    });
    const std::unique_ptr<double[]> scratch(new double[size_t((topics + 1) * topics)]);
    NTM_FAST_CPU_CALL(overlap_value<T>)
    ({grams.get(), chunks.count, topics, stride, scratch.get(), mutable_data<T>(overlap),
      mutable_data<T>(gradient)});
  });
  return {overlap, norms, scales, gradient};
}

// -> gradient of topic_logits [V, K]
Tensor backward(const Tensor& grad_overlap, const Tensor& topic_logits, const Tensor& norms,
                const Tensor& scales, const Tensor& gram_gradient) {
  check_backward(grad_overlap, topic_logits, norms, scales, gram_gradient);
  const Tensor l = contiguous(topic_logits), n = contiguous(norms), s = contiguous(scales),
               g = contiguous(gram_gradient);
  const int64_t words = l.size(0), topics = l.size(1), stride = padded_topics(topics);
  const Tensor gradient = torch::stable::new_empty(l, {words, topics});
  dispatch_floating(op, "topic_logits", topic_logits, [&](auto zero) {
    using T = decltype(zero);
    const auto padded = norms_of_lifts(data<T>(n), topics, stride);
    auto scaled = padded_rows(data<T>(g), topics, topics, stride);
    for (T& x : scaled) x *= data<T>(grad_overlap)[0];
    T* const to = mutable_data<T>(gradient);
    prefer_huge_pages(to, words * topics * int64_t(sizeof(T)));
    const OverlapBackward<T> args{
        {data<T>(l), {padded.data(), padded.data() + stride}, topics, stride},
        data<T>(s),
        scaled.data(),
        to};
    const Chunks chunks(words, topics);
    const std::unique_ptr<double[]> sums(new double[size_t(chunks.count * stride)]);
    const auto kernel = NTM_FAST_CPU_CALL(overlap_backward<T>);
    const double work = double(words * topics) * (exponential_ns + product_ns * double(topics));
    parallel_blocks(words, chunks.size, work, [&](int64_t first, int64_t last) {
      const std::unique_ptr<T[]> scratch(new T[size_t((2 * overlap_tile_words + 1) * stride)]);
      kernel(args, first, last, scratch.get(), sums.get() + first / chunks.size * stride);
    });
    std::vector<T> column_means(size_t(stride), T(0));
    for (int64_t k = 0; k < topics; ++k) {
      double sum = 0;
      for (int64_t c = 0; c < chunks.count; ++c) sum += sums[size_t(c * stride + k)];
      column_means[size_t(k)] = T(sum / double(words));
    }
    const auto finish = NTM_FAST_CPU_CALL(overlap_finish<T>);
    parallel_blocks(
        words, words_per_block, exponential_ns * double(words * topics),
        [&](int64_t first, int64_t last) { finish(args, column_means.data(), first, last); });
  });
  return gradient;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(ntm_fast, m) {
  m.def("topic_overlap(Tensor topic_logits) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "topic_overlap_backward(Tensor grad_overlap, Tensor topic_logits, Tensor norms,"
      " Tensor scales, Tensor gram_gradient) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(ntm_fast, CPU, m) {
  m.impl("topic_overlap", TORCH_BOX(&forward));
  m.impl("topic_overlap_backward", TORCH_BOX(&backward));
}

}  // namespace ntm_fast
