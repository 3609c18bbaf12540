#pragma once
#include <stdint.h>

#include "cpu_level.h"
#include "csr_view.h"

namespace ntm_fast {

// Logits z[d, v] = (hidden_d . weight_v - center_v) * slope_v + shift_v, in tiles of words that
// hold every document of the batch: no [documents, words] array exists. With batch statistics
// center and slope come from the tile itself; else from bias (center = -bias, slope = 1) or from
// given statistics (center = mean - bias, slope = scale / sqrt(var + eps)).
template <class T>
struct BowProductInputs {
  const T* hidden;  // [documents, topics]
  const T* weight;  // [words, topics]
  const T* bias;    // [words] or null; likewise the next four
  const T *mean, *var, *scale, *shift;
  T eps;
  bool batch_statistics;
  int64_t documents, topics, words;
  WordOrder<T> nonzeros;
  const int32_t *panel_first, *panel_width;  // [documents], of the panel that holds a document
  const int64_t* tile_starts;                // [tiles + 1], places of each tile's nonzeros
  // Tiles of tile_words words; each group of consecutive tiles has partial sums of its own, so that
  // results do not depend on how groups are spread over threads.
  int64_t tile_words, tiles, groups;
};

// How the work is cut and what scratch it needs, for elements of type T at the level in use.
struct BowProductPlan {
  int64_t document_panels;
  int64_t padded_documents;  // [documents] arrays of partial sums are this long
  int64_t tile_words, tiles, groups;
  int64_t packed_hidden;    // elements of the packed copies of hidden
  int64_t forward_scratch;  // elements per thread
  int64_t backward_scratch;
};

template <class T>
struct BowProductForward {
  BowProductInputs<T> in;
  const T* packed_hidden;
  T *batch_mean, *batch_var;  // [words], of hidden . weight without bias; or null
  T *group_max, *group_sum;   // [groups, padded_documents]
  T* nonzero_logits;          // [nonzeros], as they stand in the batch
};

template <class T>
struct BowProductBackward {
  BowProductInputs<T> in;
  const T* packed_hidden;
  const T *batch_mean, *batch_var;
  const T* lse;    // [padded_documents]
  const T* grad;   // [padded_documents], of the log likelihood of each document, 0 in the padding
  const T* total;  // [padded_documents], grad times the document's sum of counts
  // Gradients that nobody asks for are null.
  T* grad_weight;                          // [words, topics]
  T *grad_bias, *grad_scale, *grad_shift;  // [words]
  T* group_grad_hidden;                    // [groups, topics * padded_documents], set to 0 before
};

NTM_FAST_CPU_DECLARE(template <class T> BowProductPlan bow_product_plan(int64_t documents,
                                                                        int64_t topics,
                                                                        int64_t words))
// Copies of hidden in panels, and what panel_first and panel_width of the inputs will point to.
NTM_FAST_CPU_DECLARE(template <class T> void bow_product_pack(const BowProductInputs<T>&, T* packed,
                                                              int32_t* panel_first,
                                                              int32_t* panel_width))
NTM_FAST_CPU_DECLARE(template <class T> void bow_product_forward(const BowProductForward<T>&,
                                                                 int64_t group, T* scratch))
NTM_FAST_CPU_DECLARE(template <class T> void bow_product_backward(const BowProductBackward<T>&,
                                                                  int64_t group, T* scratch))
// Rows of grad_hidden [documents, topics] of one panel of documents: the groups' partial sums,
// added.
NTM_FAST_CPU_DECLARE(template <class T>
                     void bow_product_merge_grad_hidden(const BowProductBackward<T>&,
                                                        T* grad_hidden, int64_t panel))

}  // namespace ntm_fast
