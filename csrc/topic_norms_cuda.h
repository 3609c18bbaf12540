#pragma once
// For the ops that have not moved to csrc/ops yet.
#include "cuda_stream.h"
#include "ops/topic_norms.h"

namespace ntm_fast {

template <class T>
Tensor topic_norms(const char* op, const Tensor& logits, const CudaScope&) {
  return topic_norms<T>(Cuda(op, logits), logits);
}

}  // namespace ntm_fast
