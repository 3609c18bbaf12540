#include "bow_rows.h"

#include "cuda/csr.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

constexpr int scan_threads = 1024, scan_warps = scan_threads / warp_size;

struct Found {
  int64_t start, length;
};

// Where a row of the result is in the corpus; length 0 if there is no such row.
__device__ __forceinline__ Found find(const CudaBowRows& args, int64_t b) {
  const int64_t row = integer_at(args.rows, args.wide_rows, b);
  if (row < 0 || row >= args.documents) {
    leave_note(args.notes, BadArgument::rows, b, row);
    return {0, 0};
  }
  const int64_t start = integer_at(args.indptr, args.wide_indptr, row);
  const int64_t end = integer_at(args.indptr, args.wide_indptr, row + 1);
  if (start < 0 || start > args.nonzeros) {
    leave_note(args.notes, BadArgument::indptr, row, start);
  } else if (end < start || end > args.nonzeros) {
    leave_note(args.notes, BadArgument::indptr, row + 1, end);
  } else {
    return {start, end - start};
  }
  return {0, 0};
}

// Inclusive sums over the lanes of a warp.
__device__ __forceinline__ int64_t scan_lanes(int64_t x) {
  for (int step = 1; step < warp_size; step *= 2) {
    const int64_t before = __shfl_up_sync(~0u, x, step);
    if (lane_index() >= step) x += before;
  }
  return x;
}

// One block goes through all rows, 1024 at a time.
__global__ void __launch_bounds__(scan_threads) find_rows(const CudaBowRows args) {
  __shared__ int64_t totals[scan_warps];
  const int warp = int(threadIdx.x) / warp_size;
  int64_t before = 0;  // nonzeros of all rows before these
  for (int64_t first = 0; first < args.n_rows; first += scan_threads) {
    const int64_t b = first + threadIdx.x;
    const Found found = b < args.n_rows ? find(args, b) : Found{0, 0};
    int64_t end = scan_lanes(found.length);
    if (lane_index() == warp_size - 1) totals[warp] = end;
    __syncthreads();
    for (int w = 0; w < scan_warps; ++w) {
      if (w < warp) end += totals[w];
    }
    end += before;
    for (int w = 0; w < scan_warps; ++w) before += totals[w];
    __syncthreads();
    if (b >= args.n_rows) continue;
    args.starts[b] = found.start;
    args.lengths[b] = found.length;
    const bool last = b + 1 == args.n_rows, given = args.size >= 0;
    if (last && given && end > args.size) {
      leave_note(args.notes, BadArgument::nonzeros, 0, args.size);
    }
    args.row_indptr[b + 1] = given && (last || end > args.size) ? args.size : end;
  }
  if (threadIdx.x == 0) args.row_indptr[0] = 0;
}

// to[at + i] = from[start + i], zeros for i >= length, by a warp
template <class Element>
__device__ __forceinline__ void copy_row(char* to, int64_t at, int64_t n, const char* from,
                                         int64_t start, int64_t length) {
  for (int64_t i = lane_index(); i < n; i += warp_size) {
    reinterpret_cast<Element*>(to)[at + i] =
        i < length ? reinterpret_cast<const Element*>(from)[start + i] : Element();
  }
}

struct Wide {
  uint64_t low, high;
};

__device__ __forceinline__ void copy_row(int64_t bytes, char* to, int64_t at, int64_t n,
                                         const char* from, int64_t start, int64_t length) {
  switch (bytes) {
    case 1: return copy_row<uint8_t>(to, at, n, from, start, length);
    case 2: return copy_row<uint16_t>(to, at, n, from, start, length);
    case 4: return copy_row<uint32_t>(to, at, n, from, start, length);
    case 8: return copy_row<uint64_t>(to, at, n, from, start, length);
    default: return copy_row<Wide>(to, at, n, from, start, length);
  }
}

__global__ void __launch_bounds__(row_threads)
    copy_rows(const BowRows args, const int64_t* lengths, int64_t n_rows) {
  for (int64_t b = first_row(); b < n_rows; b += row_stride()) {
    const int64_t at = args.indptr[b], n = args.indptr[b + 1] - at, start = args.starts[b];
    copy_row(args.index_bytes, args.row_indices, at, n, args.indices, start, lengths[b]);
    copy_row(args.count_bytes, args.row_counts, at, n, args.counts, start, lengths[b]);
  }
}

}  // namespace

int bow_rows_lengths_cuda(const CudaBowRows& args, void* stream) {
  return launch(find_rows, 1u, scan_threads, 0, stream, args);
}

int bow_rows_cuda(const BowRows& args, const int64_t* lengths, int64_t n_rows, void* stream) {
  return launch(copy_rows, row_blocks(n_rows), row_threads, 0, stream, args, lengths, n_rows);
}

}  // namespace ntm_fast
