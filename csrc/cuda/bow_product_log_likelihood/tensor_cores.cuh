#pragma once
// Shared by the products on the tensor cores: formats of numbers, tiles of them in shared memory,
// and the state of a warp's rows during a pass.
//
// Operands are multiplied in slices of 16 elements along the dimension that is summed over. A slice
// consists of the format's `parts`: pieces of bfloat16, each the rounded rest of those before, or
// two times 8 tf32. In both cases ldmatrix reads a fragment's 8 rows of 16 bytes. It cannot
// transpose 32-bit elements: where a tile's rows are summed over, the lanes read tf32 themselves,
// in an order of the summands that matches their part of the other matrix.

#include <type_traits>

#include "cuda/bow_product_log_likelihood/pieces.cuh"
#include "cuda/ptx.cuh"

namespace ntm_fast {
namespace bow_product {

constexpr unsigned all_lanes = 0xffffffffu;
constexpr float log2_e = 1.44269504f;

__device__ __forceinline__ float low_half(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high_half(uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000u);
}

// Two numbers as pieces of bfloat16.
template <int PIECES>
__device__ __forceinline__ void split(float low, float high, uint32_t (&pieces)[PIECES]) {
#pragma unroll
  for (int p = 0; p < PIECES; ++p) {
    pieces[p] = cuda::pack_bf16(low, high);
    low -= low_half(pieces[p]);
    high -= high_half(pieces[p]);
  }
}

template <int PIECES>
struct Bfloat16 {
  using Element = uint16_t;
  static constexpr int pieces = PIECES, parts = PIECES;
  static constexpr int chunk = 8;  // elements in 16 bytes

  // Where part p of a slice is: in which piece, from which chunk of the slice on.
  __device__ __forceinline__ static constexpr int piece(int part) { return part; }
  __device__ __forceinline__ static constexpr int first_chunk(int) { return 0; }

  // d += a b; the product of the last two pieces is below the rounding.
  __device__ __forceinline__ static void multiply(float (&d)[4], const uint32_t (&a)[parts][4],
                                                  const uint32_t (&b)[parts][2]) {
#pragma unroll
    for (int sum = PIECES - 1; sum >= 0; --sum) {
#pragma unroll
      for (int i = 0; i <= sum; ++i) cuda::mma_bf16(d, a[i], b[sum - i]);
    }
  }
  // 16 columns of a result, those of `first` and of `second`, as the left matrix of a product.
  __device__ __forceinline__ static void as_left(const float (&first)[4], const float (&second)[4],
                                                 uint32_t (&a)[parts][4]) {
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      const float (&from)[4] = q / 2 ? second : first;
      uint32_t both[PIECES];
      split(from[q % 2 * 2], from[q % 2 * 2 + 1], both);
#pragma unroll
      for (int p = 0; p < PIECES; ++p) a[p][q] = both[p];
    }
  }
  // Elements k, k + 1 of a row of a packed matrix of n rows and K columns; k is even.
  __device__ __forceinline__ static void store(float low, float high, int64_t n, int64_t row, int k,
                                               int K, void* packed) {
    uint32_t both[PIECES];
    split(low, high, both);
#pragma unroll
    for (int p = 0; p < PIECES; ++p) {
      uint16_t* const piece = static_cast<uint16_t*>(packed) + p * packed_rows(n) * K;
      uint16_t* const to = piece + row / 8 * 8 * K + k / 8 * 64 + row % 8 * 8 + k % 8;
      *reinterpret_cast<uint32_t*>(to) = both[p];
    }
  }
};

struct Tf32 {
  using Element = uint32_t;
  static constexpr int pieces = 1, parts = 2, chunk = 4;

  __device__ __forceinline__ static constexpr int piece(int) { return 0; }
  __device__ __forceinline__ static constexpr int first_chunk(int part) { return 2 * part; }
  __device__ __forceinline__ static void multiply(float (&d)[4], const uint32_t (&a)[2][4],
                                                  const uint32_t (&b)[2][2]) {
    cuda::mma_tf32(d, a[0], b[0]);
    cuda::mma_tf32(d, a[1], b[1]);
  }
  // A lane has columns 2 m and 2 m + 1 of 8: they are its summands m and m + 4.
  __device__ __forceinline__ static void as_left(const float (&first)[4], const float (&second)[4],
                                                 uint32_t (&a)[2][4]) {
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      const int e = q % 2 * 2 + q / 2;
      a[0][q] = cuda::to_tf32(first[e]);
      a[1][q] = cuda::to_tf32(second[e]);
    }
  }
  __device__ __forceinline__ static void store(float low, float high, int64_t, int64_t row, int k,
                                               int K, void* packed) {
    uint32_t* const to =
        static_cast<uint32_t*>(packed) + row / 8 * 8 * K + k / 4 * 32 + row % 8 * 4 + k % 4;
    *reinterpret_cast<uint64_t*>(to) = cuda::to_tf32(low) | uint64_t(cuda::to_tf32(high)) << 32;
  }
};

using MatrixFormat = Bfloat16<2>;  // of matrix_operands

// Calls run(format) for the operands of a product on the tensor cores.
template <class F>
int with_format(Operands operands, const F& run) {
  switch (operands) {
    case Operands::bf16: return run(Bfloat16<1>());
    case Operands::tf32: return run(Tf32());
    default: return run(Bfloat16<2>());
  }
}

// Calls run(std::integral_constant<int, K>) for the padded number of topics.
template <class F>
int with_packed_topics(int64_t topics, const F& run) {
  switch (packed_topics(topics)) {
    case 64: return run(std::integral_constant<int, 64>());
    case 128: return run(std::integral_constant<int, 128>());
    default: return run(std::integral_constant<int, 256>());
  }
}

// Where the 16 bytes number `chunk` of a row of a tile stand: swizzled, so that those of 8 rows,
// or two neighbours of 4 even or 4 odd ones, use all banks.
template <class Format, int K>
__device__ __forceinline__ typename Format::Element* place(typename Format::Element* tile, int row,
                                                           int chunk) {
  return tile + row * K + (chunk ^ (row & 7)) * Format::chunk;
}

// Rows first ... first + ROWS - 1 of each piece of a packed matrix; first is a multiple of 8.
template <class Format, int K, int ROWS, int THREADS>
__device__ __forceinline__ void copy_rows(const typename Format::Element* from, int64_t n,
                                          int64_t first, typename Format::Element* to) {
  constexpr int size = Format::chunk, chunks = ROWS * K / size;  // in the packed matrix' order
  static_assert(Format::pieces * chunks % THREADS == 0, "an equal share for each thread");
  const int thread = threadIdx.x % THREADS;
#pragma unroll
  for (int i = 0; i < Format::pieces * chunks / THREADS; ++i) {
    const int at = i * THREADS + thread, piece = at / chunks, chunk = at % chunks;
    const int of_8_rows = 8 * K / size;
    const int row = chunk / of_8_rows * 8 + chunk % 8, column = chunk % of_8_rows / 8;
    cuda::cp_async_16(place<Format, K>(to + piece * ROWS * K, row, column),
                      from + (piece * packed_rows(n) + first) * K + chunk * size);
  }
}

// A lane reads rows of a tile that are multiples of 8 apart, all with the same swizzle. Their
// addresses are one address of the lane, found once, with some bits flipped and constants added.
template <class Format, int K>
constexpr int row_bytes = K * int(sizeof(typename Format::Element));

// The address of the 16 bytes number `chunk` of a row.
template <class Format, int K>
__device__ __forceinline__ uint32_t lane_address(const typename Format::Element* tile, int row,
                                                 int chunk) {
  static_assert(row_bytes<Format, K> % 128 == 0, "bits 4 to 6 are the chunk's");
  return cuda::shared_address(tile) + row * row_bytes<Format, K> + (chunk ^ (row & 7)) * 16;
}
// That address `more_rows` rows further, with its chunk's bits flipped where `chunk` has ones. The
// swizzle depends on row % 8: if more_rows is no multiple of 8, `chunk` must flip those bits too.
template <class Format, int K>
__device__ __forceinline__ uint32_t further(uint32_t lane, int more_rows, int chunk) {
  return (lane ^ chunk % 8 * 16) + chunk / 8 * 128 + more_rows * row_bytes<Format, K>;
}
// Part p of the slice from element k on.
template <class Format, int K, int ROWS>
__device__ __forceinline__ uint32_t part_address(uint32_t lane, int more_rows, int k, int p) {
  return further<Format, K>(lane, Format::piece(p) * ROWS + more_rows,
                            k / Format::chunk + Format::first_chunk(p));
}

// The fragment a of a slice from k on of 16 rows of a tile [pieces, ROWS, K].
template <class Format, int K>
__device__ __forceinline__ uint32_t left_lane(const typename Format::Element* tile, int first_row) {
  const int lane = threadIdx.x % 32;
  return lane_address<Format, K>(tile, first_row + lane % 16, lane / 16);
}
template <class Format, int K, int ROWS>
__device__ __forceinline__ void load_left(uint32_t left_lane, int more_rows, int k,
                                          uint32_t (&a)[Format::parts][4]) {
#pragma unroll
  for (int p = 0; p < Format::parts; ++p) {
    cuda::ldmatrix(a[p], part_address<Format, K, ROWS>(left_lane, more_rows, k, p));
  }
}

// Fragments b of two neighbouring products from a tile: its rows are the columns first_row ... + 15
// of the products, a slice from k on is summed over.
template <class Format, int K>
__device__ __forceinline__ uint32_t columns_lane(const typename Format::Element* tile) {
  const int lane = threadIdx.x % 32;
  return lane_address<Format, K>(tile, lane / 16 * 8 + lane % 8, lane / 8 % 2);
}
template <class Format, int K, int ROWS>
__device__ __forceinline__ void load_columns(uint32_t columns_lane, int first_row, int k,
                                             uint32_t (&b)[2][Format::parts][2]) {
#pragma unroll
  for (int p = 0; p < Format::parts; ++p) {
    uint32_t pair[4];
    cuda::ldmatrix(pair, part_address<Format, K, ROWS>(columns_lane, first_row, k, p));
    b[0][p][0] = pair[0], b[0][p][1] = pair[1];
    b[1][p][0] = pair[2], b[1][p][1] = pair[3];
  }
}

// Fragments b where 16 of the tile's rows are summed over, in the order of as_left, and elements k
// ... + 15 are the columns.
template <class Format, int K>
__device__ __forceinline__ uint32_t rows_lane(const typename Format::Element* tile) {
  const int lane = threadIdx.x % 32;
  if (std::is_same_v<Format, Tf32>) {  // element g of row 2 m
    return lane_address<Format, K>(tile, lane % 4 * 2, lane / 16) + lane / 4 % 4 * 4;
  }
  return lane_address<Format, K>(tile, lane % 16, lane / 16);
}
template <class Format, int K, int ROWS>
__device__ __forceinline__ void load_rows(uint32_t rows_lane, int first_row, int k,
                                          uint32_t (&b)[2][Format::parts][2]) {
#pragma unroll
  for (int p = 0; p < Format::parts; ++p) {
    if constexpr (std::is_same_v<Format, Tf32>) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {  // column g of product i / 2, row 2 m + i % 2 of 8
        b[i / 2][p][i % 2] = cuda::load_shared(further<Format, K>(
            rows_lane, first_row + 8 * p + i % 2, (k / Format::chunk + i / 2 * 2) ^ i % 2));
      }
    } else {
      uint32_t pair[4];
      cuda::ldmatrix_transposed(pair, part_address<Format, K, ROWS>(rows_lane, first_row, k, p));
      b[0][p][0] = pair[0], b[0][p][1] = pair[1];
      b[1][p][0] = pair[2], b[1][p][1] = pair[3];
    }
  }
}

// The state of a warp's rows during a pass: maxima, totals and sums, and how tiles of logits update
// them. mma.sync and wgmma have the same fragments: lane 4 g + m has rows g and g + 8 of 16, and
// columns 2 m and 2 m + 1 of every 8 (of a tile, or topics of the sums). Everything is in units of
// log 2.

constexpr float ln_2 = 0.69314718f;
constexpr float lowest = -0x1.fffffep127f;  // finite, so that logits of -inf give no NaN

// The numbers that belong to column c of a tile. Forward: offset. Backward: max, log of the total,
// scale.
template <bool FORWARD>
struct ColumnVector {
  float values[FORWARD ? 1 : 3];

  __device__ __forceinline__ void read(const Pass<float>& pass, int64_t c) {
    const bool inside = c < pass.n_columns;
    if (FORWARD) {
      values[0] = inside ? pass.word_offset[c] * log2_e : -INFINITY;
    } else {
      const float scale = inside ? pass.column_scale[c] : 0.f;
      values[0] = inside ? pass.column_max[c] * log2_e : 0.f;
      // exp2(z - inf) = 0 where there is nothing to add
      values[1] = scale != 0 ? pass.column_log_total[c] * log2_e : INFINITY;
      values[2] = scale;
    }
  }
  // Into the vectors [3, columns] of a tile.
  __device__ __forceinline__ void store(float* vectors, int columns, int column) const {
#pragma unroll
    for (int i = 0; i < (FORWARD ? 1 : 3); ++i) vectors[i * columns + column] = values[i];
  }
};

template <int K, int ROW_TILES, int COLUMNS, bool FORWARD, bool SUMS>
struct PassRows {
  static constexpr int column_tiles = COLUMNS / 8, sum_tiles = SUMS ? K / 8 : 0;
  using Logits = float[ROW_TILES][column_tiles][4];

  int64_t first;  // the lane's rows are first + 16 i + 8 r
  float maxima[ROW_TILES][2], totals[ROW_TILES][2], offsets[ROW_TILES][2];
  float sums[ROW_TILES][SUMS ? K / 8 : 1][4];

  __device__ __forceinline__ PassRows(const Pass<float>& pass, int64_t first_of_warp)
      : first(first_of_warp + threadIdx.x % 32 / 4) {
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int64_t row = first + 16 * i + 8 * r;
        maxima[i][r] = lowest;
        totals[i][r] = 0;
        offsets[i][r] = !FORWARD && row < pass.n_rows ? pass.word_offset[row] * log2_e : 0.f;
      }
#pragma unroll
      for (int j = 0; j < sum_tiles; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
      }
    }
  }

  // The initial values of the logits, to which the products are added.
  __device__ __forceinline__ void begin(const float* vectors, Logits& z) const {
#pragma unroll
    for (int j = 0; j < column_tiles; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float column = vectors[8 * j + threadIdx.x % 4 * 2 + e % 2];
#pragma unroll
        for (int i = 0; i < ROW_TILES; ++i) {
          z[i][j][e] = FORWARD ? column : offsets[i][e / 2] - column;
        }
      }
    }
  }

  // The maximum is raised, and what was summed is scaled, only when sums might grow too large.
  __device__ __forceinline__ void raise_maxima(const Logits& z) {
    float tile_maxima[ROW_TILES][2];
    bool raise = false;
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float max = maxima[i][r];
#pragma unroll
        for (int j = 0; j < column_tiles; ++j) {
          max = fmaxf(max, fmaxf(z[i][j][2 * r], z[i][j][2 * r + 1]));
        }
        max = fmaxf(max, __shfl_xor_sync(all_lanes, max, 1));
        max = fmaxf(max, __shfl_xor_sync(all_lanes, max, 2));
        tile_maxima[i][r] = max;
        raise |= max > maxima[i][r] + 8;
      }
    }
    if (!__any_sync(all_lanes, raise)) return;
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float factor = cuda::fast_exp2(maxima[i][r] - tile_maxima[i][r]);
        maxima[i][r] = tile_maxima[i][r];
        totals[i][r] *= factor;
#pragma unroll
        for (int j = 0; j < sum_tiles; ++j) {
          sums[i][j][2 * r] *= factor;
          sums[i][j][2 * r + 1] *= factor;
        }
      }
    }
  }

  // The logits become p; totals grow.
  __device__ __forceinline__ void exponentials(const float* vectors, Logits& z) {
    if (FORWARD) raise_maxima(z);
#pragma unroll
    for (int j = 0; j < column_tiles; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int column = 8 * j + threadIdx.x % 4 * 2 + e % 2;
        const float log_total = FORWARD ? 0.f : vectors[COLUMNS + column];
        const float scale = FORWARD ? 1.f : vectors[2 * COLUMNS + column];
#pragma unroll
        for (int i = 0; i < ROW_TILES; ++i) {
          const float power = z[i][j][e] - (FORWARD ? maxima[i][e / 2] : log_total);
          z[i][j][e] = FORWARD ? cuda::fast_exp2(power) : scale * cuda::fast_exp2(power);
          totals[i][e / 2] += z[i][j][e];
        }
      }
    }
  }

  __device__ __forceinline__ void store(const Pass<float>& pass, int64_t part) const {
    const int m = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < ROW_TILES; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int64_t row = first + 16 * i + 8 * r, at = part * pass.n_rows + row;
        float total = totals[i][r];
        total += __shfl_xor_sync(all_lanes, total, 1);
        total += __shfl_xor_sync(all_lanes, total, 2);
        if (row >= pass.n_rows) continue;
        if (m == 0) {
          if (FORWARD) pass.maxima[at] = maxima[i][r] * ln_2;
          pass.totals[at] = total;
        }
#pragma unroll
        for (int j = 0; j < sum_tiles; ++j) {
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const int topic = 8 * j + 2 * m + e;
            // Packed hidden, the backward's columns, are in units of log 2.
            const float sum = sums[i][j][2 * r + e] * (FORWARD ? 1 : ln_2);
            if (topic < pass.topics) pass.sums[at * pass.topics + topic] = sum;
          }
        }
      }
    }
  }
};

// Tiles of columns that a part of a pass goes through.
struct TileRange {
  int64_t first, last;

  __device__ __forceinline__ TileRange(const Pass<float>& pass, int64_t part, int columns) {
    const int64_t tiles = (pass.n_columns + columns - 1) / columns;
    first = part * tiles / pass.parts;
    last = (part + 1) * tiles / pass.parts;
  }
};

}  // namespace bow_product
}  // namespace ntm_fast
