#pragma once
// For the ops that have not moved to csrc/ops yet.
#include "ops/topic_norms.h"

namespace ntm_fast {

template <class T>
void topic_norms(const Tensor& logits, T* result) {
  std::copy_n(data<T>(topic_norms<T>(Cpu("", logits), logits)), 2 * logits.size(1), result);
}

}  // namespace ntm_fast
