#pragma once
// The pieces of bow_product_log_likelihood on CUDA, each a host function that queues kernels and
// returns a cudaError_t. steps.cu puts them together and explains the symbols.

#include <stdint.h>

#include "bow_product_log_likelihood.h"
#include "math/host_device.h"

namespace ntm_fast {
namespace bow_product {

// How many consecutive parts the columns of a pass over [rows, columns] are cut into: enough blocks
// to fill a GPU. It depends on the shape alone, and so does the order of the sums.
int64_t parts_of(int64_t rows, int64_t columns, int64_t topics, Operands operands);

// One pass over all logits z_rc = row_r . column_c + offsets, which are never stored. Each part
// gives its share of the rows' weighted sums of columns.
// Forward (rows are documents, columns words): p = exp(z - max_r), with each part's own maximum.
// Backward (rows are words, columns documents): p = column_scale_c exp(z - max_c - log_total_c).
template <class T>
struct Pass {
  bool forward;
  const T *rows, *columns;  // [n_rows, topics], [n_columns, topics]
  int64_t n_rows, n_columns, topics;
  const T* word_offset;                                   // [words]
  const T *column_max, *column_log_total, *column_scale;  // [documents], backward only
  int64_t parts;
  T* sums;    // [parts, n_rows, topics]: Σ_c p_rc column_c; null if only the next two are wanted
  T* maxima;  // [parts, n_rows], forward only
  T* totals;  // [parts, n_rows]: Σ_c p_rc
};
template <class T>
int run_pass(const Pass<T>&, void* stream);

// The same pass on the tensor cores, for topics <= most_packed_topics, with rows and columns
// packed: [packed_rows(n), packed_topics(topics)] of tf32 or, twice if in two pieces, of bfloat16;
// zeros beyond n and topics, hidden times log2 e, the scaled words as they are. 8 rows and 16 bytes
// of topics make a block of 128 bytes, row after row; such blocks follow each other along the
// topics, then along the rows.
constexpr Operands matrix_operands = Operands::bf16x3;  // in products with K x K matrices
int64_t packed_topics(int64_t topics);
NTM_FAST_INLINE int64_t packed_rows(int64_t n) { return (n + 127) / 128 * 128; }
int64_t packed_bytes(Operands operands, int64_t n, int64_t topics);
int pack(const float* x, const float* row_scale, bool by_log2_e, int64_t n, int64_t topics,
         Operands operands, void* packed, void* stream);
int run_packed_pass(const Pass<float>&, Operands operands, const void* rows, const void* columns,
                    void* stream);
// The same pass by the instructions that only sm_90a has, for bfloat16 alone, if wgmma_is_wanted():
// the device has them and NTM_FAST_WGMMA=1 asks for them.
bool wgmma_is_wanted();
int run_wgmma_pass(const Pass<float>&, Operands operands, const void* rows, const void* columns,
                   void* stream);

// means [K] and centered [B, K] = hidden - means
template <class T>
int center_hidden(const BowProductCuda<T>&, T* means, T* centered, void* stream);

// out [K, K] = scale Σ_r weights_r x_r x_rᵀ (weights may be null for 1) over x [n, K], by way of
// partial sums [gram_parts(n, K), K, K]
int64_t gram_parts(int64_t n, int64_t topics);
template <class T>
int gram(const T* x, const T* weights, int64_t n, int64_t topics, T scale, bool tensor_cores,
         T* partial, T* out, void* stream);
int gram_on_tensor_cores(const float* x, const float* weights, int64_t n, int64_t topics,
                         int64_t parts, float* partial, void* stream);

// variances[r] = x_rᵀ C x_r for x [n, K] and symmetric C [K, K]
template <class T>
int quadratic_forms(const T* x, const T* matrix, int64_t n, int64_t topics, T* variances,
                    void* stream);

// out[r] -= (row_scale[r] or scale) C x_r + shift for x, out [n, K], symmetric C [K, K], shift [K]
// or null
template <class T>
int subtract_products(const T* x, const T* matrix, const T* row_scale, T scale, const T* shift,
                      int64_t n, int64_t topics, T* out, void* stream);

// Per word: z = hidden . (slope weight) + offset, normalised with inverse_std.
template <class T>
struct WordScale {
  T *slope, *inverse_std, *offset;  // [V]
  T* scaled;                        // [V, K], slope * weight; null if slope is 1 everywhere
};
// With batch statistics from batch_var, and batch_mean = means . weight where it is not null.
template <class T>
int scale_words(const BowProductCuda<T>&, const T* means, const T* batch_var, T* batch_mean,
                const WordScale<T>&, void* stream);

// On the tensor cores, with the K x K matrix packed as matrix_operands: subtract_products, and
// prepare_words, which replaces quadratic_forms, scale_words and the packing of the words by one
// pass over them.
int subtract_packed_products(const float* x, const void* matrix, const float* row_scale,
                             float scale, const float* shift, int64_t n, int64_t topics, float* out,
                             void* stream);
int prepare_words(const BowProductCuda<float>&, const void* covariance, const float* means,
                  float* batch_mean, float* batch_var, const WordScale<float>&, void* packed,
                  void* stream);

// Log likelihood, log sum exp and residual of each document, from the parts of a forward pass.
template <class T>
struct DocumentTerms {
  BowProductCuda<T> in;
  const T *hidden, *slope, *offset;  // as the pass had them
  int64_t parts;
  const T *sums, *maxima, *totals;
  T* log_likelihood;  // [B] or null
  // [B] or null: log sum exp as max + log total, which float32 holds more exactly than their sum
  T *max, *log_total;
  T* residual;  // [B, K], Σ_v (x_dv - N_d p_dv) scaled_v, or null
};
template <class T>
int document_terms(const DocumentTerms<T>&, void* stream);

// column_scale [B] = -grad_d N_d and gradients [B, K] = grad_d residual_d (null: not wanted)
template <class T>
int document_gradients(const BowProductCudaBackward<T>&, const T* residual, T* column_scale,
                       T* gradients, void* stream);

// means [K] of x [n, K]
template <class T>
int column_means(const T* x, int64_t n, int64_t topics, T* means, void* stream);

// starts [V + 1]: where among the sorted words each word begins.
int word_starts(const int32_t* sorted_words, int64_t nonzeros, int64_t words, int32_t* starts,
                void* stream);

// Each word's gradients from the parts of a backward pass and from its nonzeros.
template <class T>
struct WordTerms {
  BowProductCudaBackward<T> args;
  const T* hidden;  // as the pass had it
  const int32_t* starts;
  WordScale<T> words;
  int64_t parts;
  const T *sums, *totals;
  T* grad_weight;  // [V, K], slope Σ_d grad z_dv hidden_d; may be sums, if that is one part
  T* tilt;         // [V], t_v of steps.cu with the batch's statistics: for gram, subtract_products
};
template <class T>
int word_terms(const WordTerms<T>&, void* stream);

}  // namespace bow_product
}  // namespace ntm_fast
