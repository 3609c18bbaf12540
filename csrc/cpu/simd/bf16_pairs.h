#pragma once
// Operands of matrix products in bfloat16. The instructions multiply pairs of neighbours along the
// reduction, so matrices are stored as pairs: two bfloat16 in a uint32_t, the first one low. With
// two parts, x = high + low + O(2^-17 x), a matrix of the high parts is followed by one of the low.

#include "cpu/simd/vector.h"

NTM_FAST_ISA_BEGIN

typedef uint32_t Pair;
constexpr int64_t pair_lanes = 16;  // of a register

// x minus its value rounded to bfloat16; 0 for infinity, which bfloat16 can represent.
NTM_FAST_INLINE FloatLanes bf16_remainder(FloatLanes x) {
  const __mmask16 all = 0xffff;  // without a mask gcc 12 warns of an unset value in its own header
  const __m256i bits = (__m256i)_mm512_cvtneps_pbh((__m512)x);
  const __m512 rounded =
      (__m512)_mm512_maskz_slli_epi32(all, _mm512_maskz_cvtepu16_epi32(all, bits), 16);
  const __mmask16 infinite = _mm512_fpclass_ps_mask(rounded, 0x18);
  return (FloatLanes)_mm512_maskz_sub_ps(__mmask16(~infinite), (__m512)x, rounded);
}

// 32 numbers as they stand in memory: pairs of neighbours, first's then second's.
NTM_FAST_INLINE __m512i round_in_order(FloatLanes first, FloatLanes second) {
  return (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

// Halves of `in_order` as pairs: (first[i], second[i]).
NTM_FAST_INLINE __m512i interleaved(__m512i in_order) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i index = (__m512i)((Uint32Lanes)lane | ((Uint32Lanes)lane + 16) << 16);
  return _mm512_permutexvar_epi16(index, in_order);
}

// Where a matrix of pairs lies: element [row, pair] of part p at data[p * part + row * stride +
// pair].
struct Pairs {
  Pair* data;
  int64_t stride, part;
};

NTM_FAST_INLINE FloatLanes load_up_to(const float* from, int64_t n) {
  if (n >= float_lanes) return load(from);
  return n <= 0 ? FloatLanes{} : (FloatLanes)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), from);
}

// Stores `pairs` of two registers and, for each further part, those of the previous one's
// remainder.
template <int PARTS, class F>
NTM_FAST_INLINE void store_parts(FloatLanes first, FloatLanes second, Pairs to, int64_t at,
                                 const F& pairs) {
  for (int part = 0; part < PARTS; ++part) {
    store(to.data + part * to.part + at, pairs(first, second));
    first = bf16_remainder(first);
    second = bf16_remainder(second);
  }
}

// Rows of floats [rows, columns] as pairs of neighbours in a row [padded_rows, padded_pairs], the
// latter a multiple of 16; the padding is 0.
template <int PARTS>
void pair_in_rows(const float* from, int64_t stride, int64_t rows, int64_t columns, Pairs to,
                  int64_t padded_rows, int64_t padded_pairs) {
  const int64_t whole = columns / (2 * float_lanes) * pair_lanes;  // pairs without padding beside
  for (int64_t i = 0; i < padded_rows; ++i) {
    const float* row = from + i * stride;
    const int64_t at = i * to.stride, n = i < rows ? columns : 0;
    int64_t j = 0;
    for (; j < (i < rows ? whole : 0); j += pair_lanes) {
      store_parts<PARTS>(load(row + 2 * j), load(row + 2 * j + float_lanes), to, at + j,
                         round_in_order);
    }
    for (; j < padded_pairs; j += pair_lanes) {
      store_parts<PARTS>(load_up_to(row + 2 * j, n - 2 * j),
                         load_up_to(row + 2 * j + float_lanes, n - 2 * j - float_lanes), to, at + j,
                         round_in_order);
    }
  }
}

// Rows of floats [rows, columns] as pairs of rows [padded_pairs, padded_columns]: (row 2i, row 2i +
// 1); padded_columns is a multiple of 16, the padding is 0.
template <int PARTS>
void pair_rows(const float* from, int64_t stride, int64_t rows, int64_t columns, Pairs to,
               int64_t padded_pairs, int64_t padded_columns) {
  const auto pairs = [](FloatLanes first, FloatLanes second) {
    return interleaved(round_in_order(first, second));
  };
  const int64_t whole = columns / float_lanes * float_lanes;
  for (int64_t i = 0; i < padded_pairs; ++i) {
    const float *row = from + 2 * i * stride, *next = row + stride;
    const int64_t at = i * to.stride;
    const int64_t n = 2 * i < rows ? columns : 0, m = 2 * i + 1 < rows ? columns : 0;
    int64_t j = 0;
    for (; j < (m > 0 ? whole : 0); j += pair_lanes) {
      store_parts<PARTS>(load(row + j), load(next + j), to, at + j, pairs);
    }
    for (; j < padded_columns; j += pair_lanes) {
      store_parts<PARTS>(load_up_to(row + j, n - j), load_up_to(next + j, m - j), to, at + j,
                         pairs);
    }
  }
}

// Transposes 16 x 16 pairs. Each step swaps one bit of the row's number with that of the lane's.
NTM_FAST_INLINE void transpose_block(const Pair* from, int64_t stride, Pair* to,
                                     int64_t to_stride) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  __m512i rows[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) rows[i] = load<__m512i>(from + i * stride);
#pragma GCC unroll 4
  for (int bit = 1; bit < 16; bit *= 2) {
    const __mmask16 odd = _mm512_test_epi32_mask(lane, _mm512_set1_epi32(bit));
    // Lanes of the second row are numbered from 16 on.
    const __m512i other = _mm512_xor_si512(lane, _mm512_set1_epi32(bit));
    const __m512i second = _mm512_set1_epi32(16);
    const __m512i upper = _mm512_mask_add_epi32(lane, odd, other, second);
    const __m512i lower = _mm512_mask_add_epi32(other, odd, lane, second);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      if (i & bit) continue;
      const __m512i a = rows[i], b = rows[i + bit];
      rows[i] = _mm512_permutex2var_epi32(a, upper, b);
      rows[i + bit] = _mm512_permutex2var_epi32(a, lower, b);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) store(to + i * to_stride, rows[i]);
}

// [rows, columns] of each part, both multiples of 16, the other way round.
template <int PARTS>
void transpose_pairs(Pairs from, int64_t rows, int64_t columns, Pairs to) {
  for (int part = 0; part < PARTS; ++part) {
    for (int64_t i = 0; i < rows; i += pair_lanes) {
      for (int64_t j = 0; j < columns; j += pair_lanes) {
        transpose_block(from.data + part * from.part + i * from.stride + j, from.stride,
                        to.data + part * to.part + j * to.stride + i, to.stride);
      }
    }
  }
}

NTM_FAST_ISA_END
