// Sums by word, each in one fixed order and without atomics, however long the list of a word is:
// a warp takes a chunk of places in the order of words. What begins and ends inside its chunk it
// writes where it belongs; the ends of its chunk, whose words go on in the neighbours, go to
// `partials`: slot 0 what began before the chunk, slot 1 what goes on after it. Then the warp of
// the chunk where such a word begins adds up its parts.

#include "csr.h"

#include "cuda/csr.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr int lane_columns = 4, panel = warp_size * lane_columns;
template <class T>
constexpr int together = 32 / sizeof(T);  // rows that are under way at a time

// The columns of a panel that a lane has: first, first + 32, ...
template <class T>
struct LaneColumns {
  T values[lane_columns];
  int64_t first, width;

  __device__ __forceinline__ LaneColumns(int64_t first, int64_t width)
      : first(first), width(width) {
    clear();
  }
  __device__ __forceinline__ void clear() {
    for (int j = 0; j < lane_columns; ++j) values[j] = T(0);
  }
  // The elements of a row, zeros unless valid.
  __device__ __forceinline__ void load(const T* row, bool valid, T (&to)[lane_columns]) const {
#pragma unroll
    for (int j = 0; j < lane_columns; ++j) {
      const int64_t column = first + j * warp_size;
      to[j] = valid && column < width ? row[column] : T(0);
    }
  }
  __device__ __forceinline__ void add(T coefficient, const T (&row)[lane_columns]) {
#pragma unroll
    for (int j = 0; j < lane_columns; ++j) values[j] += coefficient * row[j];
  }
  __device__ __forceinline__ void add(const T* row) {
    T own[lane_columns];
    load(row, true, own);
    add(T(1), own);
  }
  __device__ __forceinline__ void store(T* row) const {
    for (int j = 0; j < lane_columns; ++j) {
      const int64_t column = first + j * warp_size;
      if (column < width) row[column] = values[j];
    }
  }
};

struct Chunk {
  int64_t begin, end;
  bool goes_on, began_before;  // its last word in the next chunk, its first word in the one before

  __device__ __forceinline__ Chunk(const CudaWordOrder& order, int64_t chunk)
      : begin(chunk * places_per_chunk),
        end(begin + places_per_chunk < order.nonzeros ? begin + places_per_chunk : order.nonzeros) {
    goes_on = end < order.nonzeros && order.words[end] == order.words[end - 1];
    began_before = begin > 0 && order.words[begin - 1] == order.words[begin];
  }
};

template <class T>
__global__ void __launch_bounds__(row_threads) sum_chunks(const WordSums<T> args, int64_t chunks) {
  const CudaWordOrder& order = args.order;
  for (int64_t c = first_row(); c < chunks; c += row_stride()) {
    const Chunk chunk(order, c);
    LaneColumns<T> sums(int64_t(blockIdx.y) * panel + lane_index(), args.width);
    int64_t piece = chunk.begin;  // where the present word begins
    for (int64_t first = chunk.begin; first < chunk.end; first += warp_size) {
      // Each lane looks up one place; then all go through them together.
      const int64_t own = first + lane_index() < chunk.end ? first + lane_index() : chunk.end - 1;
      const int32_t own_word = order.words[own];
      const int64_t position = order.positions[own];
      const int32_t own_document = order.documents[position];
      T own_coefficient = args.coefficients[position];
      if (args.are_counts && !is_count(own_coefficient)) own_coefficient = T(0);
      const bool own_is_last = own + 1 == chunk.end || order.words[own + 1] != own_word;
      const unsigned last_of_words = __ballot_sync(~0u, own_is_last);
      for (int group = 0; group < warp_size; group += together<T>) {
        T rows[together<T>][lane_columns];
#pragma unroll
        for (int i = 0; i < together<T>; ++i) {
          const int64_t document = __shfl_sync(~0u, own_document, group + i);
          const bool valid = document >= 0 && first + group + i < chunk.end;
          sums.load(args.rows + document * args.width, valid, rows[i]);
        }
#pragma unroll
        for (int i = 0; i < together<T>; ++i) {
          const int64_t place = first + group + i;
          if (place >= chunk.end) break;
          const int32_t word = __shfl_sync(~0u, own_word, group + i);
          sums.add(__shfl_sync(~0u, own_coefficient, group + i), rows[i]);
          if (!(last_of_words >> (group + i) & 1)) continue;
          if (piece == chunk.begin && chunk.began_before) {
            sums.store(args.partials + 2 * c * args.width);
          } else if (place + 1 == chunk.end && chunk.goes_on) {
            sums.store(args.partials + (2 * c + 1) * args.width);
          } else if (word >= 0 && word < args.words) {
            sums.store(args.sums + word * args.width);
          }
          sums.clear();
          piece = place + 1;
        }
      }
    }
  }
}

template <class T>
__global__ void __launch_bounds__(row_threads) join_chunks(const WordSums<T> args, int64_t chunks) {
  const CudaWordOrder& order = args.order;
  for (int64_t c = first_row(); c < chunks; c += row_stride()) {
    const Chunk chunk(order, c);
    const int32_t word = order.words[chunk.end - 1];
    const bool begins_here = !chunk.began_before || order.words[chunk.begin] != word;
    if (!chunk.goes_on || !begins_here || word < 0 || word >= args.words) continue;
    LaneColumns<T> sums(int64_t(blockIdx.y) * panel + lane_index(), args.width);
    sums.add(args.partials + (2 * c + 1) * args.width);
    for (int64_t next = c + 1;; ++next) {
      sums.add(args.partials + 2 * next * args.width);
      const Chunk part(order, next);
      if (!part.goes_on || order.words[part.end - 1] != word) break;
    }
    sums.store(args.sums + word * args.width);
  }
}

}  // namespace

template <class T>
int word_sums_cuda(const WordSums<T>& args, void* stream) {
  const size_t bytes = size_t(args.words) * size_t(args.width) * sizeof(T);
  if (const int failed = fill_bytes(args.sums, 0, bytes, stream)) return failed;
  const int64_t chunks = divide_up(args.order.nonzeros, places_per_chunk);
  const dim3 grid(row_blocks(chunks), unsigned(divide_up(args.width, panel)));
  if (const int failed = launch(sum_chunks<T>, grid, row_threads, 0, stream, args, chunks)) {
    return failed;
  }
  return launch(join_chunks<T>, grid, row_threads, 0, stream, args, chunks);
}

template int word_sums_cuda(const WordSums<float>&, void*);
template int word_sums_cuda(const WordSums<double>&, void*);

}  // namespace ntm_fast
