#pragma once
// The CUDA launchers of bow_product_log_likelihood: raw device pointers, sizes, a stream. How they
// work is told in cuda/bow_product_log_likelihood.cu.

#include "csr_device.h"

namespace ntm_fast {

// More topics than this are multiplied in T, whatever is asked for.
constexpr int64_t most_packed_topics = 256;

// What products of float32 are made of: T itself, or on the tensor cores bfloat16, tf32 (10 bits
// after the leading one), or two pieces of bfloat16, of which three products are close to float32.
enum class Operands { exact, bf16, tf32, bf16x3 };

template <class T>
struct BowProductCuda {
  const T* hidden;  // [documents, topics]
  const T* weight;  // [words, topics]
  const T* bias;    // [words] or null; likewise the next four
  const T *mean, *var, *scale, *shift;
  T eps;
  bool batch_statistics;
  int64_t documents, topics, words;
  DeviceCsr<T> batch;
  Operands operands;
};

// What a forward keeps for the backward, [documents * (topics + 2)]: residual [documents, topics],
// what grad_hidden starts from, then lse as max [documents] + log total [documents], which float32
// holds more exactly than their sum.
inline int64_t bow_product_kept_numbers(int64_t documents, int64_t topics) {
  return documents * (topics + 2);
}

template <class T>
struct BowProductCudaForward {
  BowProductCuda<T> in;
  T* log_likelihood;          // [documents]
  T *batch_mean, *batch_var;  // [words] or null: of hidden . weight, without bias
  T* kept;                    // or null
};

template <class T>
struct BowProductCudaBackward {
  BowProductCuda<T> in;
  const T* grad;       // [documents]
  const T* batch_var;  // [words] or null
  const T* kept;       // the forward's, or null: computed anew
  DeviceWordOrder order;
  // Gradients that nobody asks for are null.
  T *grad_hidden, *grad_weight;            // [documents, topics], [words, topics]
  T *grad_bias, *grad_scale, *grad_shift;  // [words]
};

// Bytes of device memory that a launcher needs as its workspace.
template <class T>
int64_t bow_product_workspace(const BowProductCudaForward<T>&);
template <class T>
int64_t bow_product_workspace(const BowProductCudaBackward<T>&);

// Queue the kernels on a CUDA stream; return a cudaError_t. A forward is two steps on one
// workspace, between which ranks that hold some of the words each can merge what they have: the
// first finds every document's maximum, total and weighted sum of each part of the words, the
// second merges the parts and finishes the documents.
template <class T>
int bow_product_parts_cuda(const BowProductCudaForward<T>&, void* workspace, void* stream);
template <class T>
int bow_product_merge_cuda(const BowProductCudaForward<T>&, void* workspace, void* stream);
template <class T>
int bow_product_backward_cuda(const BowProductCudaBackward<T>&, void* workspace, void* stream);

}  // namespace ntm_fast
