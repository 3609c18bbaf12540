// The matrix products of the product decoder with operands in bfloat16, or in two parts of it, and
// sums in float32: another engine for the same loops.

#include "cpu/bow_product_log_likelihood/loops.h"
#include "cpu/simd/bf16_gemm.h"

NTM_FAST_ISA_BEGIN

template <int PARTS>
class Bf16Engine {
 public:
  using Element = float;
  static constexpr int64_t block_words = bf16_row_unit == 1 ? 12 : 2 * bf16_row_unit;

  static int64_t packed_size(int64_t documents, int64_t topics) {
    const Sizes s(documents, topics);
    return alignment + PARTS * (s.topic_pairs * s.documents + s.document_pairs * s.topics +
                                s.topic_pairs * pair_lanes);
  }

  // hidden [documents, topics] as pairs of topics, by panels of documents each [topic_pairs,
  // width], and as pairs of documents, by panels of topics each [document_pairs, width].
  static void pack(int64_t documents, int64_t topics, const float* hidden, float* packed) {
    const Sizes s(documents, topics);
    const Pairs by_document = s.by_document(packed), by_topic = s.by_topic(packed);
    const Pairs rows{by_topic.data + PARTS * by_topic.part, s.topic_pairs,
                     s.topic_pairs * pair_lanes};
    for (int64_t d = 0; d < s.documents; d += pair_lanes) {
      const Pairs to = panel(by_document, s.topic_pairs, s.documents, d / width * width);
      pair_in_rows<PARTS>(hidden + d * topics, topics, documents - d, topics, rows, pair_lanes,
                          s.topic_pairs);
      transpose_pairs<PARTS>(rows, pair_lanes, s.topic_pairs,
                             {to.data + d % width, to.stride, to.part});
    }
    for (int64_t k = 0; k < s.topics; k += width) {
      const Pairs to = panel(by_topic, s.document_pairs, s.topics, k);
      pair_rows<PARTS>(hidden + k, topics, documents, least(topics - k, to.stride), to,
                       s.document_pairs, to.stride);
    }
  }

  static int64_t scratch_size(const BowProductPlan& plan, int64_t topics) {
    const Sizes s(plan.row, topics);
    const int64_t tile_pairs = up(plan.tile_words, 2 * pair_lanes) / 2;
    const int64_t block = up(block_words, bf16_row_unit);
    const int64_t most = largest(block * s.topic_pairs, block * s.document_pairs,
                                 tile_pairs * (2 * s.topics + width));
    return alignment + PARTS * most;
  }

  NTM_FAST_INLINE Bf16Engine(const BowProductInputs<float>& inputs, float* memory)
      : in(inputs), sizes(in.documents, in.topics), scratch(aligned(memory)) {}

  // raw [words, row] = weight . hidden^T for words from first on; the padding up to a whole
  // register of documents is 0.
  NTM_FAST_INLINE void raw_logits(int64_t first, int64_t words, float* raw) const {
    const int64_t rows = up(words, bf16_row_unit), depth = up(half(in.topics), bf16_depth_unit);
    const Pairs weight{scratch, sizes.topic_pairs, rows * sizes.topic_pairs};
    pair_in_rows<PARTS>(in.weight + first * in.topics, in.topics, words, in.topics, weight, rows,
                        sizes.topic_pairs);
    const Pairs hidden = sizes.by_document(in.packed_hidden);
    for (int64_t d = 0; d < sizes.documents; d += width) {
      const Pairs right = panel(hidden, sizes.topic_pairs, sizes.documents, d);
      bf16_gemm<PARTS>({weight, right, depth, raw + d, in.plan.row, false}, words, right.stride);
    }
  }

  // Rows of grad_weight for words from first on = grads [words, row] . hidden
  NTM_FAST_INLINE void grad_weight(int64_t first, int64_t words, const float* grads,
                                   float* out) const {
    const int64_t rows = up(words, bf16_row_unit);
    const int64_t depth = up(half(in.documents), bf16_depth_unit);
    const Pairs left{scratch, sizes.document_pairs, rows * sizes.document_pairs};
    pair_in_rows<PARTS>(grads, in.plan.row, words, in.documents, left, rows, sizes.document_pairs);
    const Pairs hidden = sizes.by_topic(in.packed_hidden);
    for (int64_t k = 0; k < in.topics; k += width) {
      const Pairs right = panel(hidden, sizes.document_pairs, sizes.topics, k);
      bf16_gemm<PARTS>({left, right, depth, out + first * in.topics + k, in.topics, false}, words,
                       least(width, in.topics - k));
    }
  }

  // out [topics, row] (+)= weight^T . grads [words, row], the words from first on
  NTM_FAST_INLINE void grad_hidden(int64_t first, int64_t words, const float* grads, float* out,
                                   bool accumulate) const {
    const int64_t pairs = up(half(words), pair_lanes), depth = up(half(words), bf16_depth_unit);
    const int64_t size = pairs * sizes.topics;
    const Pairs weight{scratch, sizes.topics, size};
    const Pairs transposed{scratch + PARTS * size, pairs, size};
    pair_rows<PARTS>(in.weight + first * in.topics, in.topics, words, in.topics, weight, pairs,
                     sizes.topics);
    transpose_pairs<PARTS>(weight, pairs, sizes.topics, transposed);
    for (int64_t d = 0; d < sizes.documents; d += width) {
      const int64_t columns = least(width, sizes.documents - d);
      const Pairs right{transposed.data + PARTS * size, columns, pairs * columns};
      pair_rows<PARTS>(grads + d, in.plan.row, words, columns, right, pairs, columns);
      bf16_gemm<PARTS>({transposed, right, depth, out + d, in.plan.row, accumulate}, in.topics,
                       columns);
    }
  }

 private:
  static constexpr int64_t width = 32, alignment = 16;  // of panels; of memory, in numbers

  static int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
  static int64_t half(int64_t n) { return (n + 1) / 2; }
  static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
  static int64_t largest(int64_t a, int64_t b, int64_t c) {
    return a > b ? (a > c ? a : c) : (b > c ? b : c);
  }
  static Pair* aligned(const float* memory) { return (Pair*)((uintptr_t(memory) + 63) & ~63); }

  // Sizes of the packed hidden; everything is padded to 16.
  struct Sizes {
    int64_t documents, topics, topic_pairs, document_pairs;

    Sizes(int64_t n_documents, int64_t n_topics)
        : documents(up(n_documents, pair_lanes)),
          topics(up(n_topics, pair_lanes)),
          topic_pairs(up(half(n_topics), pair_lanes)),
          document_pairs(up(half(n_documents), pair_lanes)) {}

    Pairs by_document(const float* packed) const {
      return {aligned(packed), 0, topic_pairs * documents};
    }
    Pairs by_topic(const float* packed) const {
      return {aligned(packed) + PARTS * topic_pairs * documents, 0, document_pairs * topics};
    }
  };

  // The panel that begins at a column of a matrix [pairs, columns].
  static Pairs panel(Pairs matrix, int64_t pairs, int64_t columns, int64_t first) {
    return {matrix.data + first * pairs, least(width, columns - first), matrix.part};
  }

  const BowProductInputs<float>& in;
  const Sizes sizes;
  Pair* const scratch;
  const TilesInUse tiles;
};

template <int PARTS>
BowProductKernels<float> bow_product_bf16_kernels() {
  return kernels_of<Bf16Engine<PARTS>>();
}

template BowProductKernels<float> bow_product_bf16_kernels<1>();
#if defined(__AMX_BF16__)  // elsewhere three products take longer than one in float32
template BowProductKernels<float> bow_product_bf16_kernels<2>();
#endif

NTM_FAST_ISA_END
