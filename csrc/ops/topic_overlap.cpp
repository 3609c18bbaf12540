#include "topic_overlap.h"

#include <cmath>
#include <limits>
#include <tuple>

#include "ops/device.h"
#include "ops/huge_pages.h"
#include "ops/topic_norms.h"

namespace ntm_fast {

namespace {

constexpr char op[] = "topic_overlap";
constexpr double exponential_ns = .4, product_ns = .02;  // of an element, and of a multiplication
constexpr int64_t words_per_block = 64;                  // of the last pass

void check_logits(const Tensor& topic_logits) {
  check(topic_logits.dim() == 2 && topic_logits.size(0) > 0 && topic_logits.size(1) > 0, op,
        ": topic_logits has shape ", shape(topic_logits), ", expected [V, K], V > 0, K > 0");
}

void check_backward(const Tensor& grad_overlap, const Tensor& topic_logits, const Tensor& norms,
                    const Tensor& scales, const Tensor& gram_gradient) {
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

// The results of the forward.
struct Outputs {
  Tensor overlap;   // []
  Tensor norms;     // [2, K], of the topics
  Tensor scales;    // [V], of the words' lifts
  Tensor gradient;  // [K, K], to the lifts' Gram matrix, times 2
};

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

// norms of out are those of topic_norms, and become those of the lifts.
template <class T>
void take_overlap(const Cpu&, const Tensor& logits, const Outputs& out) {
  const int64_t words = logits.size(0), topics = logits.size(1), stride = padded_topics(topics);
  NTM_FAST_CPU_CALL(overlap_norms<T>)
  (mutable_data<T>(out.norms), std::log(double(words)), topics);
  const auto padded = norms_of_lifts(data<T>(out.norms), topics, stride);
  const TopicLifts<T> lifts{
      data<T>(logits), {padded.data(), padded.data() + stride}, topics, stride};
  const Chunks chunks(words, topics);
  const std::unique_ptr<T[]> grams(new T[size_t(chunks.count * topics * stride)]);
  const auto kernel = NTM_FAST_CPU_CALL(overlap_gram<T>);
  const double work = double(words * topics) * (exponential_ns + product_ns * double(topics));
  parallel_blocks(words, chunks.size, work, [&](int64_t first, int64_t last) {
    const std::unique_ptr<T[]> scratch(new T[size_t(overlap_tile_words * stride)]);
    T* const gram = grams.get() + first / chunks.size * topics * stride;
    kernel({lifts, mutable_data<T>(out.scales), gram}, first, last, scratch.get());
  });
  const std::unique_ptr<double[]> scratch(new double[size_t((topics + 1) * topics)]);
  NTM_FAST_CPU_CALL(overlap_value<T>)
  ({grams.get(), chunks.count, topics, stride, scratch.get(), mutable_data<T>(out.overlap),
    mutable_data<T>(out.gradient)});
}

// gradient [V, K] of the logits; all tensors are contiguous
template <class T>
void take_gradient(const Cpu&, const Tensor& grad_overlap, const Tensor& logits,
                   const Tensor& norms, const Tensor& scales, const Tensor& gram_gradient,
                   const Tensor& gradient) {
  const int64_t words = logits.size(0), topics = logits.size(1), stride = padded_topics(topics);
  const auto padded = norms_of_lifts(data<T>(norms), topics, stride);
  auto scaled = padded_rows(data<T>(gram_gradient), topics, topics, stride);
  for (T& x : scaled) x *= data<T>(grad_overlap)[0];
  T* const to = mutable_data<T>(gradient);
  prefer_huge_pages(to, words * topics * int64_t(sizeof(T)));
  const OverlapBackward<T> args{
      {data<T>(logits), {padded.data(), padded.data() + stride}, topics, stride},
      data<T>(scales),
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
}

// lifts [V, K] of the words; writes their scales [V] unless null
template <class T>
Tensor lifts_of(const Cuda& cuda, const Tensor& logits, const Tensor& norms, T* scales) {
  const int64_t words = logits.size(0), topics = logits.size(1);
  const Tensor lifts = torch::stable::new_empty(logits, {words, topics});
  const CudaOverlapLifts<T> args{data<T>(logits), data<T>(norms), mutable_data<T>(lifts),
                                 scales,          words,          topics};
  cuda.check_launch(overlap_lifts_cuda(args, cuda.stream()));
  return lifts;
}

template <class T>
void take_overlap(const Cuda& cuda, const Tensor& logits, const Outputs& out) {
  const int64_t words = logits.size(0), topics = logits.size(1);
  const double log_words = std::log(double(words));
  cuda.check_launch(
      overlap_norms_cuda(mutable_data<T>(out.norms), log_words, topics, cuda.stream()));
  const Tensor gram = torch::stable::new_empty(logits, {topics, topics}),
               squares = torch::stable::new_empty(logits, {topics});
  const Tensor lifts = lifts_of(cuda, logits, out.norms, mutable_data<T>(out.scales));
  cuda.multiply(torch::stable::transpose(lifts, 0, 1), lifts, gram);
  const CudaOverlapValue<T> args{data<T>(gram), mutable_data<T>(squares),
                                 mutable_data<T>(out.overlap), mutable_data<T>(out.gradient),
                                 topics};
  cuda.check_launch(overlap_value_cuda(args, cuda.stream()));
}

template <class T>
void take_gradient(const Cuda& cuda, const Tensor& grad_overlap, const Tensor& logits,
                   const Tensor& norms, const Tensor& scales, const Tensor& gram_gradient,
                   const Tensor& gradient) {
  const int64_t words = logits.size(0), topics = logits.size(1);
  const int64_t parts = (words + overlap_words_per_partial - 1) / overlap_words_per_partial;
  const Tensor partials = torch::stable::new_empty(logits, {parts, topics}),
               sums = torch::stable::new_empty(logits, {topics});
  const Tensor lifts = lifts_of<T>(cuda, logits, norms, nullptr);
  cuda.multiply(lifts, gram_gradient, gradient);
  const CudaOverlapBackward<T> args{
      data<T>(grad_overlap),     data<T>(lifts),        data<T>(scales), mutable_data<T>(gradient),
      mutable_data<T>(partials), mutable_data<T>(sums), words,           topics};
  cuda.check_launch(overlap_backward_cuda(args, cuda.stream()));
}

// topic_logits [V, K] -> Outputs
template <class Device>
std::tuple<Tensor, Tensor, Tensor, Tensor> forward(const Tensor& topic_logits) {
  check_logits(topic_logits);
  const Device device(op, topic_logits);
  const Tensor l = contiguous(topic_logits);
  const int64_t words = l.size(0), topics = l.size(1);
  return dispatch_floating(op, "topic_logits", topic_logits, [&](auto zero) {
    using T = decltype(zero);
    const Outputs out{torch::stable::new_empty(l, {}), topic_norms<T>(device, l),
                      torch::stable::new_empty(l, {words}),
                      torch::stable::new_empty(l, {topics, topics})};
    take_overlap<T>(device, l, out);
    return std::tuple(out.overlap, out.norms, out.scales, out.gradient);
  });
}

// -> gradient of topic_logits [V, K]
template <class Device>
Tensor backward(const Tensor& grad_overlap, const Tensor& topic_logits, const Tensor& norms,
                const Tensor& scales, const Tensor& gram_gradient) {
  check_backward(grad_overlap, topic_logits, norms, scales, gram_gradient);
  const Device device(op, topic_logits);
  const Tensor l = contiguous(topic_logits), n = contiguous(norms), s = contiguous(scales),
               g = contiguous(gram_gradient);
  const Tensor gradient = torch::stable::new_empty(l, {l.size(0), l.size(1)});
  dispatch_floating(op, "topic_logits", topic_logits, [&](auto zero) {
    take_gradient<decltype(zero)>(device, grad_overlap, l, n, s, g, gradient);
  });
  return gradient;
}

}  // namespace

NTM_FAST_SCHEMAS(m) {
  m.def("topic_overlap(Tensor topic_logits) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "topic_overlap_backward(Tensor grad_overlap, Tensor topic_logits, Tensor norms,"
      " Tensor scales, Tensor gram_gradient) -> Tensor");
}

NTM_FAST_KERNELS(m) {
  m.impl("topic_overlap", TORCH_BOX(&forward<Device>));
  m.impl("topic_overlap_backward", TORCH_BOX(&backward<Device>));
}

}  // namespace ntm_fast
