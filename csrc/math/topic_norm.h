#pragma once
// Norms of topics (TopicNorms) of whose beta the mean over the words is 1, not the sum: where
// topics are alike, and their differences count, exponents are small then, and so are their errors.

#include "host_device.h"

NTM_FAST_ISA_BEGIN

template <class T>
NTM_FAST_INLINE void to_mean_of_one(double log_words, T& value, T& rest) {
  constexpr double log2_of_e = 1.44269504088896340736;
  const double norm = (double(value) - log_words) + double(rest) / log2_of_e;
  value = T(norm);
  rest = T((norm - double(value)) * log2_of_e);
}

NTM_FAST_ISA_END
