#include "ops/csr_batch.h"

#include <algorithm>
#include <limits>

namespace ntm_fast {

namespace {

void check_vector(const char* op, const char* name, const Tensor& tensor, bool type_ok,
                  const char* types) {
  check(type_ok, op, ": ", name, " must be ", types, ", got ", dtype(tensor));
  check(tensor.dim() == 1, op, ": ", name, " has shape ", shape(tensor), ", expected 1-D");
}

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

bool is_real(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case ScalarType::Byte:
    case ScalarType::Char:
    case ScalarType::Short:
    case ScalarType::Int:
    case ScalarType::Long:
    case ScalarType::Half:
    case ScalarType::BFloat16:
    case ScalarType::Float:
    case ScalarType::Double: return true;
    default: return false;
  }
}

void check_csr(const char* op, const Tensor& indptr, const Tensor& indices, const Tensor& counts,
               int64_t words) {
  constexpr int64_t index_limit = std::numeric_limits<int32_t>::max();
  check_same_device(op, "indices", indices, "indptr", indptr);
  check_same_device(op, "counts", counts, "indptr", indptr);
  check_vector(op, "indptr", indptr, is_integer(indptr), "int32 or int64");
  check_vector(op, "indices", indices, is_integer(indices), "int32 or int64");
  check_vector(op, "counts", counts, is_real(counts), "of a real dtype");
  const int64_t size = indptr.size(0), n = indices.size(0);
  check(size > 0, op, ": indptr is empty, expected [B + 1] elements");
  check(counts.size(0) == n, op, ": counts has ", counts.size(0), " elements, expected ", n,
        ", as many as indices");
  check(n <= index_limit && words <= index_limit && size <= index_limit, op, ": ", n, " nonzeros, ",
        words, " words and ", size - 1, " documents, expected less than 2^31 each");
}

void check_order(const char* op, const Order& order, const Tensor& indices) {
  if (!order) return;
  check_same_device(op, "order", *order, "indices", indices);
  check(order->scalar_type() == ScalarType::Long, op, ": order must be int64, got ", dtype(*order));
  check(order->dim() == 1 && order->size(0) == indices.size(0), op, ": order has shape ",
        shape(*order), ", expected that of indices, ", shape(indices));
}

template <class T>
Batch<Cpu, T>::Batch(const char* op, NotingOp, const Tensor& indptr, const Tensor& indices,
                     const Tensor& counts, int64_t words, const char* other_name,
                     const Tensor& other) {
  check_csr(op, indptr, indices, counts, words);
  check_same_device(op, "indptr", indptr, other_name, other);
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

// One pass of a radix sort: the positions in from (0, 1, 2, … if it is null) by one digit of their
// words, which are looked up in indices: that is cheaper than moving them along.
template <class Position>
void sort_by_digit(const int32_t* indices, int64_t n, int shift, int32_t mask, int32_t* heads,
                   const int32_t* from, Position* to) {
  std::fill_n(heads, mask + 2, 0);
  for (int64_t i = 0; i < n; ++i) ++heads[(indices[i] >> shift & mask) + 1];
  for (int32_t b = 0; b < mask; ++b) heads[b + 1] += heads[b];
  for (int64_t i = 0; i < n; ++i) {
    const int32_t position = from ? from[i] : int32_t(i);
    to[heads[indices[position] >> shift & mask]++] = position;
  }
}

Tensor sorted_by_word(const Tensor& like, const int32_t* indices, int64_t nonzeros, int64_t words) {
  const Tensor order = torch::stable::new_empty(like, {nonzeros}, ScalarType::Long);
  int bits = 0;
  while ((int64_t{1} << bits) < words) ++bits;
  const int passes = std::max(1, (bits + 10) / 11);  // 2^11 heads of buckets fit in the L1 cache
  const int digit = (bits + passes - 1) / passes;
  const int32_t mask = (int32_t{1} << digit) - 1;
  const std::unique_ptr<int32_t[]> heads(new int32_t[mask + 2]);
  std::unique_ptr<int32_t[]> from, to;
  for (int pass = 0; pass + 1 < passes; ++pass) {
    if (!to) to.reset(new int32_t[nonzeros]);
    sort_by_digit(indices, nonzeros, pass * digit, mask, heads.get(), from.get(), to.get());
    from.swap(to);
  }
  sort_by_digit(indices, nonzeros, (passes - 1) * digit, mask, heads.get(), from.get(),
                mutable_data<int64_t>(order));
  return order;
}

// (indices [N]) -> indices.argsort(stable=True)
Tensor word_order(const Tensor& indices) {
  constexpr char op[] = "word_order";
  check_vector(op, "indices", indices, is_integer(indices), "int32 or int64");
  const ScalarType type = ScalarType::Int;
  const Tensor narrow =
      contiguous(indices.scalar_type() == type ? indices : torch::stable::to(indices, type));
  const int32_t* const words = data<int32_t>(narrow);
  const int64_t n = indices.size(0);
  check(n <= std::numeric_limits<int32_t>::max(), op, ": ", n,
        " nonzeros, expected less than 2^31");
  int32_t bits = 0;  // of all words together; ops refuse those that are no words
  for (int64_t i = 0; i < n; ++i) bits |= words[i];
  return sorted_by_word(indices, words, n, int64_t{std::max(bits, 0)} + 1);
}

}  // namespace

template <class T>
Tensor sorted_by_word(const Batch<Cpu, T>& batch) {
  const Csr<T>& view = batch.view();
  return sorted_by_word(batch.indices(), view.indices, view.nonzeros, view.words);
}

template <class T>
ByWord<Cpu, T>::ByWord(const char* op, const Cpu&, const Batch<Cpu, T>& from, const Order& order)
    : words_(new int32_t[from.view().nonzeros]),
      documents_(new int32_t[from.view().nonzeros]),
      distinct_(new int32_t[from.view().nonzeros + 1]),
      positions_(new int32_t[from.view().nonzeros]),
      starts_(new int64_t[from.view().nonzeros + 1]),
      counts_(new T[from.view().nonzeros]) {
  const Tensor by_word = order ? contiguous(*order) : sorted_by_word(from);
  const Csr<T>& batch = from.view();
  const int64_t n = batch.nonzeros;
  const int64_t* const given = data<int64_t>(by_word);
  int64_t n_distinct = 0;
  int32_t last_word = -1, last_position = -1;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t place = given[i];
    // Words, and positions within a word, increase in the batch's own order alone.
    const bool exists = place >= 0 && place < n;
    const int32_t position = exists ? int32_t(place) : 0, word = batch.indices[position];
    const bool follows = word > last_word || (word == last_word && position > last_position);
    if (!exists || !follows) {
      check(false, op, ": order[", i, "] is ", place, ", expected indices.argsort(stable=True)");
    }
    positions_[i] = position;
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
  for (int64_t i = 0; i < n; ++i) documents_[i] = document_of[positions_[i]];
  n_distinct += n > 0;
  starts_[0] = 0;
  view_ = {distinct_.get(),  starts_.get(), words_.get(), documents_.get(),
           positions_.get(), counts_.get(), n_distinct,   n};
}

template class Batch<Cpu, float>;
template class Batch<Cpu, double>;
template class ByWord<Cpu, float>;
template class ByWord<Cpu, double>;
template Tensor sorted_by_word(const Batch<Cpu, float>&);
template Tensor sorted_by_word(const Batch<Cpu, double>&);

NTM_FAST_SCHEMAS(m) { m.def("word_order(Tensor indices) -> Tensor"); }

NTM_FAST_KERNELS(m) {
  if constexpr (std::is_same_v<Device, Cpu>) m.impl("word_order", TORCH_BOX(&word_order));
}

}  // namespace ntm_fast
