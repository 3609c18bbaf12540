#pragma once
// What the products on the tensor cores share: tiles of bfloat16 in shared memory, and numbers in
// pieces.

#include "bow_product.cuh"
#include "ptx.cuh"

namespace ntm_fast {
namespace bow_product {

constexpr unsigned all_lanes = 0xffffffffu;
constexpr float log2_e = 1.44269504f;
constexpr int matrix_pieces = 2;  // of what is multiplied with a K x K matrix

// Where 8 elements from k on of a row of a tile stand: swizzled, so that 8 rows of one column use
// all banks.
template <int K>
__device__ __forceinline__ uint16_t* place(uint16_t* tile, int row, int k) {
  return tile + row * K + ((k / 8 ^ (row & 7)) * 8);
}

// Where element k of a row stands in a piece of a packed matrix.
__device__ __forceinline__ int64_t packed_place(int64_t row, int k, int padded_topics) {
  return row / 8 * 8 * padded_topics + k / 8 * 64 + row % 8 * 8 + k % 8;
}

// Rows first ... first + ROWS - 1 of each piece of a packed matrix; first is a multiple of 8.
template <int K, int PIECES, int ROWS, int THREADS>
__device__ __forceinline__ void copy_rows(const uint16_t* from, int64_t n, int64_t first,
                                          uint16_t* to) {
  constexpr int chunks = ROWS * K / 8;  // of 8 elements, in the order of the packed matrix
#pragma unroll
  for (int i = threadIdx.x; i < PIECES * chunks; i += THREADS) {
    const int piece = i / chunks, chunk = i % chunks;
    const int row = chunk / K * 8 + chunk % 8, k = chunk % K / 8 * 8;
    const uint16_t* const source = from + (piece * packed_rows(n) + first) * K + chunk * 8;
    cuda::cp_async_16(place<K>(to + piece * ROWS * K, row, k), source);
  }
}

__device__ __forceinline__ float low_half(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high_half(uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000u);
}

// Two numbers as pieces of bfloat16, each the rounded rest of those before.
template <int PIECES>
__device__ __forceinline__ void split(float low, float high, uint32_t (&pieces)[PIECES]) {
#pragma unroll
  for (int p = 0; p < PIECES; ++p) {
    pieces[p] = cuda::pack_bf16(low, high);
    low -= low_half(pieces[p]);
    high -= high_half(pieces[p]);
  }
}

// d += a b for numbers in pieces; the product of the last two is below the rounding.
template <int PIECES>
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[PIECES][4],
                                         const uint32_t (&b)[PIECES][2]) {
#pragma unroll
  for (int sum = PIECES - 1; sum >= 0; --sum) {
#pragma unroll
    for (int i = 0; i <= sum; ++i) cuda::mma_bf16(d, a[i], b[sum - i]);
  }
}

// Fragments b of two neighbouring products from a tile [PIECES, ROWS, K]: its rows are the columns
// first_row ... + 15 of the products, 16 of its elements from k on what is summed over.
template <int K, int PIECES, int ROWS>
__device__ __forceinline__ void load_columns(uint16_t* tile, int first_row, int k,
                                             uint32_t (&b)[2][PIECES][2]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int p = 0; p < PIECES; ++p) {
    uint32_t pair[4];
    cuda::ldmatrix(pair, place<K>(tile + p * ROWS * K, first_row + lane / 16 * 8 + lane % 8,
                                  k + lane / 8 % 2 * 8));
    b[0][p][0] = pair[0], b[0][p][1] = pair[1];
    b[1][p][0] = pair[2], b[1][p][1] = pair[3];
  }
}

// The same where 16 of the tile's rows are summed over, and elements k ... + 15 are the columns.
template <int K, int PIECES, int ROWS>
__device__ __forceinline__ void load_rows(uint16_t* tile, int first_row, int k,
                                          uint32_t (&b)[2][PIECES][2]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int p = 0; p < PIECES; ++p) {
    uint32_t pair[4];
    cuda::ldmatrix_transposed(
        pair, place<K>(tile + p * ROWS * K, first_row + lane % 16, k + lane / 16 * 8));
    b[0][p][0] = pair[0], b[0][p][1] = pair[1];
    b[1][p][0] = pair[2], b[1][p][1] = pair[3];
  }
}

}  // namespace bow_product
}  // namespace ntm_fast
