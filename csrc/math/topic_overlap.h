#pragma once
// The elements of topic_overlap: topics as beta of mean 1, their lifts, and the cosines of these.
//
// lift_vk = beta_vk s_v with s_v = 1 / sqrt(mean_k beta_vk); overlap = mean_i Σ_j≠i c_ij², with
// c_ij = g_ij / sqrt(g_ii g_jj) of the lifts' Gram matrix g, of which the gradient is
// 2 c_ij / (K sqrt(g_ii g_jj)) off the diagonal and -Σ_j c_ij² / (K g_ii) on it, for both halves of
// a symmetric matrix together twice that.

#include "host_device.h"
#include "lanes.h"
#include "split_norm.h"

NTM_FAST_ISA_BEGIN

// Norms of topics (TopicNorms) whose beta has a mean of 1 over the words, not a sum of 1. If topics
// nearly agree, and their differences matter, exponents are then small, and so are their errors.
template <class T>
NTM_FAST_INLINE void to_mean_of_one(double log_words, T& value, T& rest) {
  constexpr double log2_of_e = 1.44269504088896340736;
  const SplitNorm<T> norm(double(value), double(rest) / log2_of_e - log_words);
  value = norm.value;
  rest = T(norm.rest * log2_of_e);
}

// s_v from the sum of a word's beta
template <class T>
NTM_FAST_INLINE T lift_scale(T sum, int64_t topics) {
  constexpr T least = sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022);
  const T mean = sum / T(topics);
  return T(1) / square_root(mean < least ? least : mean);  // NaN stays
}

// The part of a word's slopes that comes through the mean under the square root, from the sum of
// its lifts times their slopes.
template <class T>
NTM_FAST_INLINE T slope_through_mean(T sum, T scale, int64_t topics) {
  return sum * scale / T(2 * topics);
}

// 1 / sqrt(g_ii)
NTM_FAST_INLINE double inverse_norm(double gram) { return 1 / square_root(gram); }

// Row i of the Gram matrix: its elements off the diagonal one by one, then the one on it.
struct OverlapRow {
  double own_norm, scale;  // inverse, of topic i; 4 / K
  double squares = 0;      // Σ_j c_ij² of the elements so far

  NTM_FAST_INLINE OverlapRow(double inverse_norm, int64_t topics)
      : own_norm(inverse_norm), scale(4 / double(topics)) {}
  // Gradient of g_ij.
  NTM_FAST_INLINE double take(double gram, double other_inverse_norm) {
    const double norms = own_norm * other_inverse_norm, cosine = gram * norms;
    squares += cosine * cosine;
    return scale * cosine * norms;
  }
  // Gradient of g_ii, from the squares of the whole row.
  NTM_FAST_INLINE double diagonal(double all_squares) const {
    return -scale * all_squares * own_norm * own_norm;
  }
};

NTM_FAST_ISA_END
