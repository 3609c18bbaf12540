// The pass over all logits on the tensor cores (mma.sync, sm_80 and later): products of bfloat16 or
// tf32 that are summed in float32, or, with numbers split into two pieces of bfloat16, three
// products for nearly float32.
// A warp holds 16 or 32 rows; tiles of columns come in by cp.async while the last one is used, and
// serve twice, as in attention whose keys are its values. Everything is in units of log 2.

#include "cuda/bow_product_log_likelihood/pieces.cuh"
#include "cuda/bow_product_log_likelihood/tensor_cores.cuh"
#include "cuda/launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

// K is the padded number of topics. Chosen so that the sums fit the registers and the tiles the
// 99 KiB of shared memory that the smallest of these GPUs have.
template <class Format, int K>
struct Shape {
  static constexpr int element_bytes = Format::pieces * sizeof(typename Format::Element);
  static constexpr int row_tiles = K == 256 ? 1 : 2;  // of 16 rows, in each warp
  static constexpr int warps = K == 256 && element_bytes == 2 ? 8 : 4;
  static constexpr int threads = 32 * warps, rows = 16 * row_tiles * warps;
  static constexpr int columns = (K == 256 ? 64 : 128) / element_bytes;
  static constexpr int row_elements = Format::pieces * rows * K,
                       stage_elements = Format::pieces * columns * K;
  static constexpr int bytes =
      element_bytes * K * (rows + 2 * columns) + 2 * 3 * columns * int(sizeof(float));
};

template <class Format, int K, bool FORWARD, bool SUMS>
__global__ void __launch_bounds__(Shape<Format, K>::threads)
    mma_kernel(const Pass<float> pass, const typename Format::Element* packed_rows,
               const typename Format::Element* packed_columns) {
  using S = Shape<Format, K>;
  using Rows = PassRows<K, S::row_tiles, S::columns, FORWARD, SUMS>;
  using Element = typename Format::Element;
  Element* const row_tile = dynamic_shared<Element>();  // [pieces, rows, K]
  Element* const stages = row_tile + S::row_elements;   // [2, pieces, columns, K]
  float* const vectors = reinterpret_cast<float*>(stages + 2 * S::stage_elements);  // [2, 3, ...]
  const int warp_row = threadIdx.x / 32 * 16 * S::row_tiles;
  const int64_t first_row = int64_t(blockIdx.x) * S::rows, part = blockIdx.y;
  const TileRange tiles(pass, part, S::columns);
  const uint32_t left = left_lane<Format, K>(row_tile, warp_row);
  const uint32_t columns_at_first = columns_lane<Format, K>(stages);
  const uint32_t rows_at_first = rows_lane<Format, K>(stages);
  Rows rows(pass, first_row + warp_row);

  // The column vectors, by the first threads: read early, stored when the tile's turn is near.
  const bool has_column = threadIdx.x < S::columns;
  ColumnVector<FORWARD> next;
  copy_rows<Format, K, S::rows, S::threads>(packed_rows, pass.n_rows, first_row, row_tile);
  copy_rows<Format, K, S::columns, S::threads>(packed_columns, pass.n_columns,
                                               tiles.first * S::columns, stages);
  cuda::cp_async_commit();
  if (has_column) {
    next.read(pass, tiles.first * S::columns + threadIdx.x);
    next.store(vectors, S::columns, threadIdx.x);
  }

  for (int64_t t = tiles.first; t < tiles.last; ++t) {
    const int stage = int(t - tiles.first) & 1;
    const uint32_t to_stage = stage * S::stage_elements * sizeof(Element);
    const uint32_t columns = columns_at_first + to_stage, column_rows = rows_at_first + to_stage;
    const float* const vector = vectors + stage * 3 * S::columns;
    cuda::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and all warps are done with the other one
    if (t + 1 < tiles.last) {
      copy_rows<Format, K, S::columns, S::threads>(packed_columns, pass.n_columns,
                                                   (t + 1) * S::columns,
                                                   stages + (1 - stage) * S::stage_elements);
      cuda::cp_async_commit();
      if (has_column) next.read(pass, (t + 1) * S::columns + threadIdx.x);
    }

    typename Rows::Logits z;
    rows.begin(vector, z);
#pragma unroll
    for (int k = 0; k < K; k += 16) {
      uint32_t a[S::row_tiles][Format::parts][4];
#pragma unroll
      for (int i = 0; i < S::row_tiles; ++i) {
        load_left<Format, K, S::rows>(left, 16 * i, k, a[i]);
      }
#pragma unroll
      for (int j = 0; j < Rows::column_tiles; j += 2) {
        uint32_t b[2][Format::parts][2];
        load_columns<Format, K, S::columns>(columns, 8 * j, k, b);
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) {
          Format::multiply(z[i][j], a[i], b[0]);
          Format::multiply(z[i][j + 1], a[i], b[1]);
        }
      }
    }
    rows.exponentials(vector, z);
    if (SUMS) {
#pragma unroll
      for (int c = 0; c < Rows::column_tiles; c += 2) {
        uint32_t a[S::row_tiles][Format::parts][4];
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) Format::as_left(z[i][c], z[i][c + 1], a[i]);
#pragma unroll
        for (int k = 0; k < Rows::sum_tiles; k += 2) {
          uint32_t b[2][Format::parts][2];
          load_rows<Format, K, S::columns>(column_rows, 8 * c, 8 * k, b);
#pragma unroll
          for (int i = 0; i < S::row_tiles; ++i) {
            Format::multiply(rows.sums[i][k], a[i], b[0]);
            Format::multiply(rows.sums[i][k + 1], a[i], b[1]);
          }
        }
      }
    }
    if (t + 1 < tiles.last && has_column) {
      next.store(vectors + (1 - stage) * 3 * S::columns, S::columns, threadIdx.x);
    }
  }
  rows.store(pass, part);
}

template <class Format, int K>
int launch_mma(const Pass<float>& pass, const void* rows, const void* columns, void* stream) {
  using S = Shape<Format, K>;
  using Element = typename Format::Element;
  static_assert(S::bytes <= 99 << 10, "too much shared memory");
  const dim3 grid(unsigned(divide_up(pass.n_rows, S::rows)), unsigned(pass.parts));
  const auto run = [&](auto kernel) {
    return launch(kernel, grid, S::threads, S::bytes, stream, pass,
                  static_cast<const Element*>(rows), static_cast<const Element*>(columns));
  };
  if (pass.forward) {
    return pass.sums ? run(mma_kernel<Format, K, true, true>)
                     : run(mma_kernel<Format, K, true, false>);
  }
  return pass.sums ? run(mma_kernel<Format, K, false, true>)
                   : run(mma_kernel<Format, K, false, false>);
}

}  // namespace

int run_packed_pass(const Pass<float>& pass, Operands operands, const void* rows,
                    const void* columns, void* stream) {
  if (operands != Operands::tf32 && wgmma_is_wanted()) {
    return run_wgmma_pass(pass, operands, rows, columns, stream);
  }
  return with_format(operands, [&](auto format) {
    return with_packed_topics(pass.topics, [&](auto K) {
      return launch_mma<decltype(format), K>(pass, rows, columns, stream);
    });
  });
}

}  // namespace bow_product
}  // namespace ntm_fast
