// The pass over all logits on the tensor cores (mma.sync, sm_80 and later): bfloat16 products that
// are summed in float32, or, with numbers split into two pieces, three products for nearly float32.
// A warp holds 16 or 32 rows; tiles of columns come in by cp.async while the last one is used, and
// serve twice, as in attention whose keys are its values. Everything is in units of log 2.

#include "bow_product.cuh"
#include "bow_product_mma_rows.cuh"
#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

// K is the padded number of topics. Chosen so that the sums fit the registers and the tiles the
// 99 KiB of shared memory that the smallest of these GPUs have.
template <int K, int PIECES>
struct Shape {
  static constexpr int row_tiles = K == 256 ? 1 : 2;  // of 16 rows, in each warp
  static constexpr int warps = K == 256 && PIECES == 1 ? 8 : 4;
  static constexpr int threads = 32 * warps, rows = 16 * row_tiles * warps;
  static constexpr int columns = (K == 256 ? 32 : 64) / PIECES;
  static constexpr int row_elements = PIECES * rows * K, stage_elements = PIECES * columns * K;
  static constexpr int bytes = 2 * (row_elements + 2 * stage_elements) + 2 * 3 * columns * 4;
};

template <int K, int PIECES, bool FORWARD, bool SUMS>
__global__ void __launch_bounds__(Shape<K, PIECES>::threads)
    mma_kernel(const Pass<float> pass, const uint16_t* packed_rows,
               const uint16_t* packed_columns) {
  using S = Shape<K, PIECES>;
  using Rows = PassRows<K, S::row_tiles, S::columns, FORWARD, SUMS>;
  uint16_t* const row_tile = dynamic_shared<uint16_t>();  // [pieces, rows, K]
  uint16_t* const stages = row_tile + S::row_elements;    // [2, pieces, columns, K]
  float* const vectors = reinterpret_cast<float*>(stages + 2 * S::stage_elements);  // [2, 3, ...]
  const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16 * S::row_tiles;
  const int64_t first_row = int64_t(blockIdx.x) * S::rows, part = blockIdx.y;
  const TileRange tiles(pass, part, S::columns);
  Rows rows(pass, first_row + warp_row);

  // The column vectors, by the first threads: read early, stored when the tile's turn is near.
  const bool has_column = threadIdx.x < S::columns;
  ColumnVector<FORWARD> next;
  copy_rows<K, PIECES, S::rows, S::threads>(packed_rows, pass.n_rows, first_row, row_tile);
  copy_rows<K, PIECES, S::columns, S::threads>(packed_columns, pass.n_columns,
                                               tiles.first * S::columns, stages);
  cuda::cp_async_commit();
  if (has_column) {
    next.read(pass, tiles.first * S::columns + threadIdx.x);
    next.store(vectors, S::columns, threadIdx.x);
  }

  for (int64_t t = tiles.first; t < tiles.last; ++t) {
    const int stage = int(t - tiles.first) & 1;
    uint16_t* const column_tile = stages + stage * S::stage_elements;
    const float* const vector = vectors + stage * 3 * S::columns;
    cuda::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and nobody reads the other one any more
    if (t + 1 < tiles.last) {
      copy_rows<K, PIECES, S::columns, S::threads>(packed_columns, pass.n_columns,
                                                   (t + 1) * S::columns,
                                                   stages + (1 - stage) * S::stage_elements);
      cuda::cp_async_commit();
      if (has_column) next.read(pass, (t + 1) * S::columns + threadIdx.x);
    }

    typename Rows::Logits z;
    rows.begin(vector, z);
#pragma unroll
    for (int k = 0; k < K; k += 16) {
      uint32_t a[S::row_tiles][PIECES][4];
#pragma unroll
      for (int i = 0; i < S::row_tiles; ++i) {
#pragma unroll
        for (int p = 0; p < PIECES; ++p) {
          cuda::ldmatrix(a[i][p], place<K>(row_tile + p * S::rows * K,
                                           warp_row + 16 * i + lane % 16, k + lane / 16 * 8));
        }
      }
#pragma unroll
      for (int j = 0; j < Rows::column_tiles; j += 2) {
        uint32_t b[2][PIECES][2];
        load_columns<K, PIECES, S::columns>(column_tile, 8 * j, k, b);
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) {
          multiply<PIECES>(z[i][j], a[i], b[0]);
          multiply<PIECES>(z[i][j + 1], a[i], b[1]);
        }
      }
    }
    rows.exponentials(vector, z);
    if (SUMS) {
#pragma unroll
      for (int c = 0; c < Rows::column_tiles; c += 2) {
        uint32_t a[S::row_tiles][PIECES][4];
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) Rows::as_left(z[i], c, a[i]);
#pragma unroll
        for (int k = 0; k < Rows::sum_tiles; k += 2) {
          uint32_t b[2][PIECES][2];
          load_rows<K, PIECES, S::columns>(column_tile, 8 * c, 8 * k, b);
#pragma unroll
          for (int i = 0; i < S::row_tiles; ++i) {
            multiply<PIECES>(rows.sums[i][k], a[i], b[0]);
            multiply<PIECES>(rows.sums[i][k + 1], a[i], b[1]);
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

template <int K, int PIECES>
int launch_mma(const Pass<float>& pass, const uint16_t* rows, const uint16_t* columns,
               void* stream) {
  using S = Shape<K, PIECES>;
  const dim3 grid(unsigned(divide_up(pass.n_rows, S::rows)), unsigned(pass.parts));
  const auto run = [&](auto kernel) {
    return launch(kernel, grid, S::threads, S::bytes, stream, pass, rows, columns);
  };
  if (pass.forward) {
    return pass.sums ? run(mma_kernel<K, PIECES, true, true>)
                     : run(mma_kernel<K, PIECES, true, false>);
  }
  return pass.sums ? run(mma_kernel<K, PIECES, false, true>)
                   : run(mma_kernel<K, PIECES, false, false>);
}

}  // namespace

int run_packed_pass(const Pass<float>& pass, int pieces, const uint16_t* rows,
                    const uint16_t* columns, void* stream) {
  if (wgmma_is_wanted()) return run_wgmma_pass(pass, pieces, rows, columns, stream);
  switch (packed_topics(pass.topics) + pieces) {
    case 65: return launch_mma<64, 1>(pass, rows, columns, stream);
    case 66: return launch_mma<64, 2>(pass, rows, columns, stream);
    case 129: return launch_mma<128, 1>(pass, rows, columns, stream);
    case 130: return launch_mma<128, 2>(pass, rows, columns, stream);
    case 257: return launch_mma<256, 1>(pass, rows, columns, stream);
    default: return launch_mma<256, 2>(pass, rows, columns, stream);
  }
}

}  // namespace bow_product
}  // namespace ntm_fast
