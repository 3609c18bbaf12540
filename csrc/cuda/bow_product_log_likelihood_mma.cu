// The pass over all logits on the tensor cores (mma.sync, sm_80 and later): bfloat16 products that
// are summed in float32, or, with numbers split into two pieces, three products for nearly float32.
// A warp holds 16 or 32 rows; tiles of columns come in by cp.async while the last one is used, and
// serve twice, as in attention whose keys are its values. Everything is in units of log 2.

#include "bow_product.cuh"
#include "bow_product_mma_tiles.cuh"
#include "launch.cuh"

namespace ntm_fast {
namespace bow_product {

namespace {

template <int K, int PIECES, bool FORWARD, bool SUMS>
__global__ void __launch_bounds__(Shape<K, PIECES>::threads)
    mma_kernel(const Pass<float> pass, const uint16_t* packed_rows,
               const uint16_t* packed_columns) {
  using S = Shape<K, PIECES>;
  constexpr int column_tiles = S::columns / 8;
  uint16_t* const row_tile = dynamic_shared<uint16_t>();  // [pieces, rows, K]
  uint16_t* const stages = row_tile + S::row_elements;    // [2, pieces, columns, K]
  float* const vectors = reinterpret_cast<float*>(stages + 2 * S::stage_elements);  // [2, 3, ...]
  const int lane = threadIdx.x % 32, g = lane / 4, m = lane % 4;
  const int warp_row = threadIdx.x / 32 * 16 * S::row_tiles;
  const int64_t first_row = int64_t(blockIdx.x) * S::rows, part = blockIdx.y;
  const int64_t tiles = (pass.n_columns + S::columns - 1) / S::columns;
  const int64_t first_tile = part * tiles / pass.parts, last_tile = (part + 1) * tiles / pass.parts;

  // Row r of a row tile is g or g + 8.
  float maxima[S::row_tiles][2], totals[S::row_tiles][2] = {}, offsets[S::row_tiles][2];
  float sums[SUMS ? S::row_tiles : 1][SUMS ? K / 8 : 1][4] = {};
#pragma unroll
  for (int i = 0; i < S::row_tiles; ++i) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int64_t row = first_row + warp_row + 16 * i + 8 * r + g;
      maxima[i][r] = lowest;
      offsets[i][r] = !FORWARD && row < pass.n_rows ? pass.word_offset[row] * log2_e : 0.f;
    }
  }

  ColumnVectors<FORWARD, S::columns> next;
  copy_rows<K, PIECES, S::rows, S::threads>(packed_rows, pass.n_rows, first_row, row_tile);
  copy_rows<K, PIECES, S::columns, S::threads>(packed_columns, pass.n_columns,
                                               first_tile * S::columns, stages);
  cuda::cp_async_commit();
  next.read(pass, first_tile * S::columns);
  next.store(vectors);

  for (int64_t t = first_tile; t < last_tile; ++t) {
    const int stage = int(t - first_tile) & 1;
    uint16_t* const column_tile = stages + stage * S::stage_elements;
    const float* const vector = vectors + stage * 3 * S::columns;
    cuda::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and nobody reads the other one any more
    if (t + 1 < last_tile) {
      copy_rows<K, PIECES, S::columns, S::threads>(packed_columns, pass.n_columns,
                                                   (t + 1) * S::columns,
                                                   stages + (1 - stage) * S::stage_elements);
      cuda::cp_async_commit();
      next.read(pass, (t + 1) * S::columns);
    }

    float z[S::row_tiles][column_tiles][4];
#pragma unroll
    for (int j = 0; j < column_tiles; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float column = vector[8 * j + 2 * m + e % 2];
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) {
          z[i][j][e] = FORWARD ? column : offsets[i][e / 2] - column;
        }
      }
    }
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
      for (int j = 0; j < column_tiles; j += 2) {
        uint32_t b[2][PIECES][2];
        load_columns<K, PIECES, S::columns>(column_tile, 8 * j, k, b);
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) {
          multiply<PIECES>(z[i][j], a[i], b[0]);
          multiply<PIECES>(z[i][j + 1], a[i], b[1]);
        }
      }
    }

    if (FORWARD) {
      // The maximum is raised, and what was summed is scaled, only when sums might grow too large.
      float tile_maxima[S::row_tiles][2];
      bool raise = false;
#pragma unroll
      for (int i = 0; i < S::row_tiles; ++i) {
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          float max = maxima[i][r];
#pragma unroll
          for (int j = 0; j < column_tiles; ++j) {
            max = fmaxf(max, fmaxf(z[i][j][2 * r], z[i][j][2 * r + 1]));
          }
          max = fmaxf(max, __shfl_xor_sync(all_lanes, max, 1));
          max = fmaxf(max, __shfl_xor_sync(all_lanes, max, 2));
          tile_maxima[i][r] = max;
          raise |= max > maxima[i][r] + 8;
        }
      }
      if (__any_sync(all_lanes, raise)) {
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) {
#pragma unroll
          for (int r = 0; r < 2; ++r) {
            const float factor = cuda::fast_exp2(maxima[i][r] - tile_maxima[i][r]);
            maxima[i][r] = tile_maxima[i][r];
            totals[i][r] *= factor;
#pragma unroll
            for (int j = 0; j < (SUMS ? K / 8 : 0); ++j) {
              sums[SUMS ? i : 0][SUMS ? j : 0][2 * r] *= factor;
              sums[SUMS ? i : 0][SUMS ? j : 0][2 * r + 1] *= factor;
            }
          }
        }
      }
    }
#pragma unroll
    for (int j = 0; j < column_tiles; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int column = 8 * j + 2 * m + e % 2;
        const float log_total = FORWARD ? 0.f : vector[S::columns + column];
        const float scale = FORWARD ? 1.f : vector[2 * S::columns + column];
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) {
          const float power = z[i][j][e] - (FORWARD ? maxima[i][e / 2] : log_total);
          z[i][j][e] = FORWARD ? cuda::fast_exp2(power) : scale * cuda::fast_exp2(power);
          totals[i][e / 2] += z[i][j][e];
        }
      }
    }

    if (SUMS) {
#pragma unroll
      for (int c = 0; c < column_tiles; c += 2) {
        uint32_t a[S::row_tiles][PIECES][4];
#pragma unroll
        for (int i = 0; i < S::row_tiles; ++i) {
#pragma unroll
          for (int q = 0; q < 4; ++q) {
            uint32_t pieces[PIECES];
            split(z[i][c + q / 2][q % 2 * 2], z[i][c + q / 2][q % 2 * 2 + 1], pieces);
#pragma unroll
            for (int p = 0; p < PIECES; ++p) a[i][p][q] = pieces[p];
          }
        }
#pragma unroll
        for (int k = 0; k < K / 8; k += 2) {
          uint32_t b[2][PIECES][2];
          load_rows<K, PIECES, S::columns>(column_tile, 8 * c, 8 * k, b);
#pragma unroll
          for (int i = 0; i < S::row_tiles; ++i) {
            multiply<PIECES>(sums[SUMS ? i : 0][SUMS ? k : 0], a[i], b[0]);
            multiply<PIECES>(sums[SUMS ? i : 0][SUMS ? k + 1 : 0], a[i], b[1]);
          }
        }
      }
    }
    if (t + 1 < last_tile) next.store(vectors + (1 - stage) * 3 * S::columns);
  }

#pragma unroll
  for (int i = 0; i < S::row_tiles; ++i) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int64_t row = first_row + warp_row + 16 * i + 8 * r + g;
      const int64_t at = part * pass.n_rows + row;
      float total = totals[i][r];
      total += __shfl_xor_sync(all_lanes, total, 1);
      total += __shfl_xor_sync(all_lanes, total, 2);
      if (row >= pass.n_rows) continue;
      if (m == 0) {
        if (FORWARD) pass.maxima[at] = maxima[i][r] * ln_2;
        pass.totals[at] = total;
      }
#pragma unroll
      for (int j = 0; j < (SUMS ? K / 8 : 0); ++j) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int topic = 8 * j + 2 * m + e;
          // Packed hidden, the backward's columns, are in units of log 2.
          const float sum = sums[SUMS ? i : 0][SUMS ? j : 0][2 * r + e] * (FORWARD ? 1 : ln_2);
          if (topic < pass.topics) pass.sums[at * pass.topics + topic] = sum;
        }
      }
    }
  }
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
