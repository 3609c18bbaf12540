#include "bow_linear.h"

#include "cpu/simd/vector_rows.h"
#include "cpu/word_order.h"

NTM_FAST_ISA_BEGIN

namespace {

// to[0..features) = sum of coefficients[i] * rows[ids[i]] for i in [begin, end)
template <class T>
NTM_FAST_INLINE void sum_rows(const T* coefficients, const int32_t* ids, const T* rows,
                              int64_t begin, int64_t end, int64_t features, T* to) {
  for_panels<T>(features, [&](auto count, int64_t first,
                              int64_t lanes) __attribute__((always_inline)) {
    constexpr int vectors = decltype(count)::value;
    constexpr int64_t width = Vector<T>::width;
    typename Vector<T>::type sums[vectors] = {};
    add_rows<T>(
        sums, begin, end, lanes,
        [&](int64_t i) __attribute__((always_inline)) { return coefficients[i]; },
        [&](int64_t i) __attribute__((always_inline)) { return rows + ids[i] * features + first; });
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) {
      if (j == vectors - 1 && lanes > 0) store_part(to + first + j * width, sums[j], lanes);
      else store(to + first + j * width, sums[j]);
    }
  });
}

}  // namespace

template <class T>
void bow_linear(const BowLinear<T>& args, int64_t first_document, int64_t last_document) {
  for (int64_t d = first_document; d < last_document; ++d) {
    sum_rows(args.batch.counts, args.batch.indices, args.weight, args.batch.indptr[d],
             args.batch.indptr[d + 1], args.features, args.output + d * args.features);
  }
}

template <class T>
void bow_linear_weight(const BowLinearWeight<T>& args, int64_t first_word, int64_t last_word) {
  if (args.features == 0) return;
  int64_t next = first_distinct(args.batch, first_word);
  for (int64_t word = first_word; word < last_word; ++word) {
    T* to = args.grad_weight + word * args.features;
    if (next < args.batch.n_distinct && args.batch.distinct[next] == word) {
      sum_rows(args.batch.counts, args.batch.documents, args.grad_output, args.batch.starts[next],
               args.batch.starts[next + 1], args.features, to);
      ++next;
    } else {
      __builtin_memset(to, 0, uint64_t(args.features) * sizeof(T));
    }
  }
}

template <class T>
void bow_linear_rows(const BowLinearWeight<T>& args, int64_t first_distinct,
                     int64_t last_distinct) {
  for (int64_t i = first_distinct; i < last_distinct; ++i) {
    sum_rows(args.batch.counts, args.batch.documents, args.grad_output, args.batch.starts[i],
             args.batch.starts[i + 1], args.features, args.grad_weight + i * args.features);
  }
}

template <class T>
void bow_linear_counts(const BowLinearCounts<T>& args, int64_t first_document,
                       int64_t last_document) {
  constexpr int64_t width = Vector<T>::width;
  const int64_t whole = args.features / width * width, lanes = args.features - whole;
  for (int64_t d = first_document; d < last_document; ++d) {
    const T* gradient = args.grad_output + d * args.features;
    for (int64_t n = args.batch.indptr[d]; n < args.batch.indptr[d + 1]; ++n) {
      const T* row = args.weight + args.batch.indices[n] * args.features;
      typename Vector<T>::type sum{};
      for (int64_t h = 0; h < whole; h += width) sum += load(gradient + h) * load(row + h);
      if (lanes) sum += load_part(gradient + whole, lanes) * load_part(row + whole, lanes);
      args.grad_counts[n] = sum_lanes<T>(sum);
    }
  }
}

#define NTM_FAST_INSTANTIATE(T)                                                 \
  template void bow_linear(const BowLinear<T>&, int64_t, int64_t);              \
  template void bow_linear_weight(const BowLinearWeight<T>&, int64_t, int64_t); \
  template void bow_linear_rows(const BowLinearWeight<T>&, int64_t, int64_t);   \
  template void bow_linear_counts(const BowLinearCounts<T>&, int64_t, int64_t);
NTM_FAST_INSTANTIATE(float)
NTM_FAST_INSTANTIATE(double)

NTM_FAST_ISA_END
