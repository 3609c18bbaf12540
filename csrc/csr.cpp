#include "csr.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "check_values.h"
#include "csr_checks.h"

namespace ntm_fast {

namespace {

template <class Index>
void check_indptr(const char* op, const Index* indptr, int64_t size, int64_t nonzeros) {
  check(indptr[0] == 0, op, ": indptr[0] is ", indptr[0], ", expected 0");
  for (int64_t d = 1; d < size; ++d) {
    check(indptr[d] >= indptr[d - 1], op, ": indptr[", d, "] is ", indptr[d],
          ", expected at least indptr[", d - 1, "], ", indptr[d - 1]);
  }
  check(indptr[size - 1] == nonzeros, op, ": indptr[", size - 1, "] is ", indptr[size - 1],
        ", expected the number of indices, ", nonzeros);
}

template <class Index>
void check_indices(const char* op, const Index* indices, int64_t n, int64_t words) {
  const auto in_range = [words](Index i) { return (i >= 0) & (i < Index(words)); };
  check_values(op, "indices", indices, n, in_range, "0 <= index < " + std::to_string(words));
}

}  // namespace

template <class T>
CsrBatch<T>::CsrBatch(const char* op, const Tensor& indptr, const Tensor& indices,
                      const Tensor& counts, int64_t words) {
  check_csr(op, indptr, indices, counts, words);
  const int64_t size = indptr.size(0), n = indices.size(0);
  indptr_ = contiguous(indptr);
  if (indptr.scalar_type() == ScalarType::Int) {
    check_indptr(op, data<int32_t>(indptr_), size, n);
    wide_indptr_.reset(new int64_t[size]);
    std::copy_n(data<int32_t>(indptr_), size, wide_indptr_.get());
  } else {
    check_indptr(op, data<int64_t>(indptr_), size, n);
  }

  indices_ = contiguous(indices);
  if (indices.scalar_type() == ScalarType::Long) {
    check_indices(op, data<int64_t>(indices_), n, words);
    narrow_indices_.reset(new int32_t[n]);
    std::copy_n(data<int64_t>(indices_), n, narrow_indices_.get());
  } else {
    check_indices(op, data<int32_t>(indices_), n, words);
  }

  const ScalarType type = sizeof(T) == 4 ? ScalarType::Float : ScalarType::Double;
  counts_ = contiguous(counts.scalar_type() == type ? counts : torch::stable::to(counts, type));
  const auto countable = [](T x) { return (x >= 0) & (x <= std::numeric_limits<T>::max()); };
  check_values(op, "counts", data<T>(counts_), n, countable, "a finite number >= 0");

  view_ = {wide_indptr_ ? wide_indptr_.get() : data<int64_t>(indptr_),
           narrow_indices_ ? narrow_indices_.get() : data<int32_t>(indices_),
           data<T>(counts_),
           size - 1,
           words,
           n};
}

namespace {

// A stable radix sort by word, least significant digit first.
template <class T>
void sort_by_word(const Csr<T>& batch, int32_t* positions) {
  const int64_t n = batch.nonzeros;
  int bits = 0;
  while ((int64_t{1} << bits) < batch.words) ++bits;
  const int passes = std::max(1, (bits + 10) / 11);  // 2^11 heads of buckets fit in the L1 cache
  const int digit = (bits + passes - 1) / passes;
  const int32_t mask = (int32_t{1} << digit) - 1;
  // The passes land in turns in spare and in positions. Words are looked up in the batch: that is
  // cheaper than moving them along.
  const std::unique_ptr<int32_t[]> spare(new int32_t[n]), heads(new int32_t[mask + 2]);
  int32_t *to = passes % 2 ? positions : spare.get(), *from = nullptr;
  for (int pass = 0; pass < passes; ++pass) {
    const int shift = pass * digit;
    std::fill_n(heads.get(), mask + 2, 0);
    for (int64_t i = 0; i < n; ++i) ++heads[(batch.indices[i] >> shift & mask) + 1];
    for (int32_t b = 0; b < mask; ++b) heads[b + 1] += heads[b];
    for (int64_t i = 0; i < n; ++i) {
      const int32_t position = pass ? from[i] : int32_t(i);
      to[heads[batch.indices[position] >> shift & mask]++] = position;
    }
    from = to;
    to = to == spare.get() ? positions : spare.get();
  }
}

// The order found last on this thread: a step asks for that of one batch several times. Whether it
// is the batch's own shows while it is read, so that it is only ever a guess.
struct LastOrder {
  std::shared_ptr<int32_t[]> positions;
  int64_t nonzeros = 0;
};
thread_local LastOrder last_order;
constexpr int64_t most_kept = int64_t{1} << 22;  // nonzeros, 16 MiB

}  // namespace

template <class T>
WordOrdered<T>::WordOrdered(const Csr<T>& batch)
    : words_(new int32_t[batch.nonzeros]),
      documents_(new int32_t[batch.nonzeros]),
      distinct_(new int32_t[batch.nonzeros + 1]),
      starts_(new int64_t[batch.nonzeros + 1]),
      counts_(new T[batch.nonzeros]) {
  const int64_t n = batch.nonzeros;
  if (last_order.nonzeros == n) positions_ = last_order.positions;
  if (positions_ && read(batch)) return;
  positions_.reset(new int32_t[n]);
  sort_by_word(batch, positions_.get());
  read(batch);
  if (n <= most_kept) last_order = {positions_, n};
}

// Fills in what positions_ orders. Returns false, with nothing to rely on, if it is no order of
// this batch: words, and positions within a word, increase only in the one that is.
template <class T>
bool WordOrdered<T>::read(const Csr<T>& batch) {
  const int64_t n = batch.nonzeros;
  const int32_t* const positions = positions_.get();
  int64_t n_distinct = 0;
  int32_t last_word = -1, last_position = -1;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t position = positions[i], word = batch.indices[position];
    if (word < last_word || (word == last_word && position <= last_position)) return false;
    words_[i] = word;
    counts_[i] = batch.counts[position];
    n_distinct += i > 0 && word != last_word;
    distinct_[n_distinct] = word;
    starts_[n_distinct + 1] = i + 1;
    last_word = word;
    last_position = position;
  }
  const std::unique_ptr<int32_t[]> document_of(new int32_t[n]);
  for (int64_t d = 0; d < batch.documents; ++d) {
    std::fill(document_of.get() + batch.indptr[d], document_of.get() + batch.indptr[d + 1],
              int32_t(d));
  }
  for (int64_t i = 0; i < n; ++i) documents_[i] = document_of[positions[i]];
  n_distinct += n > 0;
  starts_[0] = 0;
  view_ = {distinct_.get(), starts_.get(), words_.get(), documents_.get(),
           positions,       counts_.get(), n_distinct,   n};
  return true;
}

template class CsrBatch<float>;
template class CsrBatch<double>;
template class WordOrdered<float>;
template class WordOrdered<double>;

}  // namespace ntm_fast
