#pragma once
#include <stdint.h>

#include "cpu_level.h"
#include "csr.h"

namespace ntm_fast {

// How the work is cut and what scratch it needs, for elements of type T at the level in use.
struct BowProductPlan {
  // A row holds one number per document, then padding. Odd multiples of a cache line: the same
  // column of successive rows falls into different sets of the cache.
  int64_t row;
  // Each group of neighbouring words has partial sums of its own, so that results do not depend on
  // how groups are spread over threads. Groups begin at multiples of block_words.
  int64_t groups, block_words;
  int64_t tile_words;       // of the backward, whose gradients of logits stay in the cache
  int64_t packed_hidden;    // elements of the packed copies of hidden
  int64_t forward_scratch;  // elements per thread
  int64_t backward_scratch;
};

// The plan's row.
inline int64_t bow_product_row(int64_t documents) {
  return ((documents + row_padding - 1) / row_padding | 1) * row_padding;
}

// What a forward keeps for the backward, in one block of bytes: the documents' norms, and behind
// them, from the next cache line on, the raw logits if they are few enough to stay in the cache.
template <class T>
struct BowProductKept {
  static constexpr int64_t most_logits = 5 << 19;  // bytes

  int64_t norms, logits;  // bytes of each, the first with its padding

  BowProductKept(int64_t documents, int64_t words)
      : norms((2 * documents * int64_t(sizeof(T)) + 63) / 64 * 64),
        logits(words * bow_product_row(documents) * int64_t(sizeof(T))) {
    if (documents == 0 || logits > most_logits) logits = 0;
  }
  int64_t bytes() const { return norms + logits; }
};

// Logits z[v, d] = (raw[v, d] - center_v) * slope_v + shift_v with raw = weight . hidden^T,
// computed for some words and all documents of the batch at a time: no array of all logits needs to
// exist. With batch statistics hidden is centered first, so that center is 0, and slope comes from
// the variance of the block of words itself; else center and slope come from bias (center = -bias,
// slope = 1) or from given statistics (center = mean - bias, slope = scale / sqrt(var + eps)).
// These are what logits are made of, on either device.
template <class T>
struct BowProductLogits {
  const T* hidden;  // [documents, topics]
  const T* weight;  // [words, topics]
  const T* bias;    // [words] or null; likewise the next four
  const T *mean, *var, *scale, *shift;
  T eps;
  bool batch_statistics;
  int64_t documents, topics, words;
};

template <class T>
struct BowProductInputs : BowProductLogits<T> {
  WordOrder<T> nonzeros;
  const int64_t* group_starts;  // [groups + 1], places of each group's nonzeros
  const T* hidden_mean;         // [topics], taken from hidden by bow_product_pack
  const T* packed_hidden;
  BowProductPlan plan;
};

template <class T>
struct BowProductForward {
  BowProductInputs<T> in;
  T *batch_mean, *batch_var;  // [words], of hidden . weight without bias; or null
  T *group_max, *group_sum;   // [groups, row]
  T* nonzero_logits;          // [nonzeros], as they stand in the batch
  T* raw;                     // [words, row], kept for the backward; or null
};

template <class T>
struct BowProductBackward {
  BowProductInputs<T> in;
  const T* batch_var;
  const T* raw;   // [words, row], kept by the forward; null: computed again
  const T* lse;   // [row], infinite in the padding
  const T* grad;  // [row], of the log likelihood of each document, 0 in the padding
  const T*
      total;  // [row], grad times the document's sum of counts, times exp(lse as given - exact)
  // Gradients that nobody asks for are null.
  T* grad_weight;                          // [words, topics]
  T *grad_bias, *grad_scale, *grad_shift;  // [words]
  T* group_grad_hidden;                    // [groups, topics, row]
};

// A forward is three steps, between the first two of which ranks that hold some of the words each
// can merge what they have:
//   BowProductKernels::forward  of each group of words: every document's largest logit and total
//   merge_groups                every document's norm from those of its groups
//   finish_documents            log likelihoods from the norms and the logits of the nonzeros
// (the last two in ops/bow_product_log_likelihood.cpp: they take little time, and their sums in
// double are not to depend on the instruction set).

// The largest logit of a document, and what its logsumexp adds to it: added up they would lose one
// another.
struct DocumentNorm {
  double max, log_sum;
};

// One way to compute: forward and backward do one group of words each, with scratch of the thread.
template <class T>
struct BowProductKernels {
  BowProductPlan (*plan)(int64_t documents, int64_t topics, int64_t words);
  // Fills hidden_mean [topics] (with batch statistics, else 0) and the packed copies of hidden less
  // that mean.
  void (*pack)(const BowProductInputs<T>&, T* hidden_mean, T* packed);
  void (*forward)(const BowProductForward<T>&, int64_t group, T* scratch);
  void (*backward)(const BowProductBackward<T>&, int64_t group, T* scratch);
  // Rows [first, last) of grad_hidden [documents, topics]: the groups' partial sums, added. first
  // is a multiple of 16.
  void (*merge_grad_hidden)(const BowProductBackward<T>&, T* grad_hidden, int64_t first,
                            int64_t last);
};

// Products in T.
NTM_FAST_CPU_DECLARE(template <class T> BowProductKernels<T> bow_product_kernels())
#if defined(__x86_64__)
// Products in float32 of operands in bfloat16 (1 part), or split in two of them (2; amx alone).
NTM_FAST_BF16_DECLARE(template <int PARTS> BowProductKernels<float> bow_product_bf16_kernels())
#endif

// On a CUDA device: raw device pointers, sizes, a stream. cuda/bow_product_log_likelihood/steps.cu
// explains how the launchers work.

// More topics than this are multiplied in T, whatever is asked for.
constexpr int64_t most_packed_topics = 256;

// What products of float32 are made of: T itself, or on the tensor cores bfloat16, tf32 (10 bits
// after the leading one), or two pieces of bfloat16, of which three products are close to float32.
enum class Operands { exact, bf16, tf32, bf16x3 };

template <class T>
struct BowProductCuda : BowProductLogits<T> {
  CudaCsr<T> batch;
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
  CudaWordOrder order;
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
