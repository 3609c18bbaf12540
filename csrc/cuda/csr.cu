#include "cuda/csr.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

template <class T>
__global__ void __launch_bounds__(row_threads)
    fill_documents(const CudaCsr<T> batch, int32_t* documents) {
  for (int64_t d = first_row(); d < batch.documents; d += row_stride()) {
    const NonzeroRange range = nonzeros_of(batch, d);
    for (int64_t n = range.begin + lane_index(); n < range.end; n += warp_size) {
      documents[n] = int32_t(d);
    }
  }
}

// Position and word at a place; those of position 0 if it is out of range.
struct Place {
  int64_t given, position;
  int32_t word;

  template <class T>
  __device__ __forceinline__ Place(const CudaCsr<T>& batch, const int64_t* order, int64_t place)
      : given(order[place]),
        position(given < 0 || given >= batch.nonzeros ? 0 : given),
        word(int32_t(integer_at(batch.indices, batch.wide_indices, position))) {}
  __device__ __forceinline__ bool follows(const Place& other) const {
    return given == position &&
           (other.word < word || (other.word == word && other.position < position));
  }
};

template <class T>
__global__ void __launch_bounds__(row_threads)
    fill_places(const CudaCsr<T> batch, const int64_t* order, int32_t* words, int32_t* positions) {
  const int64_t place = int64_t(blockIdx.x) * row_threads + threadIdx.x;
  if (place >= batch.nonzeros) return;
  const Place here(batch, order, place);
  words[place] = here.word;
  positions[place] = int32_t(here.position);
  const bool right =
      place == 0 ? here.given == here.position : here.follows(Place(batch, order, place - 1));
  if (!right) leave_note(batch.notes, BadArgument::order, place, here.given);
}

}  // namespace

template <class T>
int word_order_cuda(const CudaCsr<T>& batch, const int64_t* order, int32_t* words,
                    int32_t* positions, int32_t* documents, void* stream) {
  const size_t bytes = size_t(batch.nonzeros) * sizeof(int32_t);
  if (const int failed = fill_bytes(documents, 0xff, bytes, stream)) return failed;
  if (const int failed = launch(fill_documents<T>, row_blocks(batch.documents), row_threads, 0,
                                stream, batch, documents)) {
    return failed;
  }
  const unsigned blocks = unsigned(divide_up(batch.nonzeros, row_threads));
  return launch(fill_places<T>, blocks, row_threads, 0, stream, batch, order, words, positions);
}

#define INSTANTIATE(T)                                                                          \
  template int word_order_cuda(const CudaCsr<T>&, const int64_t*, int32_t*, int32_t*, int32_t*, \
                               void*);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace ntm_fast
