// The pass of pass_mma.cu by the instructions that only sm_90a has (ptx_sm90a.cuh). The first
// warpgroup fetches tiles of columns, each piece in one bulk copy. The others hold 64 rows each and
// multiply them with tiles in shared memory; one multiplies while another takes exponentials.

#include "cuda/bow_product_log_likelihood/pieces.cuh"
#include "cuda/bow_product_log_likelihood/tensor_cores.cuh"
#include "cuda/launch.cuh"
#include "cuda/ptx_sm90a.cuh"
#include "cuda_device.h"

namespace ntm_fast {
namespace bow_product {

namespace {

constexpr int warpgroup = 128;  // threads

// Chosen so that logits, sums and p fit the registers and the tiles the 227 KiB of shared memory.
template <int K, int PIECES>
struct WarpgroupShape {
  static constexpr bool large = K == 256 && PIECES == 2;
  static constexpr int consumers = large ? 1 : 2, threads = (1 + consumers) * warpgroup;
  static constexpr int rows = 64 * consumers, columns = K == 256 || PIECES == 2 ? 64 : 128;
  static constexpr int stages = large ? 2 : 4;
  static constexpr int row_elements = PIECES * rows * K, stage_elements = PIECES * columns * K;
  static constexpr int bytes = 2 * (row_elements + stages * stage_elements) +
                               stages * 3 * columns * 4 + 8 * (1 + 2 * stages);
};

#ifdef NTM_FAST_SM90A

// A matrix in a tile of packed rows from an element on: along k the core matrices of a product are
// one after the other if k are topics, and K elements of 8 rows apart if k are rows.
template <int K>
__device__ __forceinline__ uint64_t with_topics_along_k(const uint16_t* tile) {
  return cuda::matrix_descriptor(tile, 128, 16 * K);
}
template <int K>
__device__ __forceinline__ uint64_t with_rows_along_k(const uint16_t* tile) {
  return cuda::matrix_descriptor(tile, 16 * K, 128);
}

// sums += a times 16 rows of a tile, 64 topics at a time from tile FIRST of the sums on
template <int K, int FIRST = 0>
__device__ __forceinline__ void add_rows(float (&sums)[K / 8][4], const uint32_t (&a)[4],
                                         const uint16_t* rows) {
  cuda::wgmma_bf16_rows<FIRST>(sums, a, with_rows_along_k<K>(rows + FIRST * 64));
  if constexpr (FIRST + 8 < K / 8) add_rows<K, FIRST + 8>(sums, a, rows);
}

// The shared memory of a block.
template <class S>
struct Shared {
  uint16_t *row_tile, *stages;                  // [pieces, rows, K], [stages, pieces, columns, K]
  float* vectors;                               // [stages, 3, columns]
  uint64_t *rows_are_here, *is_full, *is_free;  // 1, [stages], [stages]

  __device__ __forceinline__ Shared()
      : row_tile(dynamic_shared<uint16_t>()),
        stages(row_tile + S::row_elements),
        vectors(reinterpret_cast<float*>(stages + S::stages * S::stage_elements)),
        rows_are_here(reinterpret_cast<uint64_t*>(vectors + S::stages * 3 * S::columns)),
        is_full(rows_are_here + 1),
        is_free(is_full + S::stages) {
    if (threadIdx.x == 0) {
      cuda::mbarrier_init(rows_are_here, 1);
      for (int stage = 0; stage < S::stages; ++stage) {
        cuda::mbarrier_init(is_full + stage, 1 + 32);  // the copies', every lane's vectors
        cuda::mbarrier_init(is_free + stage, 4 * S::consumers);  // each warp
      }
      cuda::mbarrier_init_fence();
    }
    __syncthreads();
  }
};

// Rows first ... first + ROWS - 1 of each piece of a packed matrix, by one thread.
template <int K, int PIECES, int ROWS>
__device__ __forceinline__ void fetch_rows(const uint16_t* from, int64_t n, int64_t first,
                                           uint16_t* to, uint64_t* barrier) {
  cuda::mbarrier_arrive_expecting(barrier, 2 * PIECES * ROWS * K);
#pragma unroll
  for (int p = 0; p < PIECES; ++p) {
    cuda::bulk_copy(to + p * ROWS * K, from + (p * packed_rows(n) + first) * K, 2 * ROWS * K,
                    barrier);
  }
}

// The first warp keeps the stages full.
template <int K, int PIECES, bool FORWARD>
__device__ __forceinline__ void fetch(const Pass<float>& pass, const uint16_t* packed_rows,
                                      const uint16_t* packed_columns, const TileRange& tiles,
                                      const Shared<WarpgroupShape<K, PIECES>>& shared) {
  using S = WarpgroupShape<K, PIECES>;
  const int lane = threadIdx.x;
  if (lane == 0) {
    fetch_rows<K, PIECES, S::rows>(packed_rows, pass.n_rows, int64_t(blockIdx.x) * S::rows,
                                   shared.row_tile, shared.rows_are_here);
  }
  int stage = 0, round = 0;
  for (int64_t t = tiles.first; t < tiles.last; ++t) {
    cuda::mbarrier_wait(shared.is_free + stage, round + 1 & 1);  // free at first
    if (lane == 0) {
      fetch_rows<K, PIECES, S::columns>(packed_columns, pass.n_columns, t * S::columns,
                                        shared.stages + stage * S::stage_elements,
                                        shared.is_full + stage);
    }
    for (int column = lane; column < S::columns; column += 32) {
      ColumnVector<FORWARD> vector;
      vector.read(pass, t * S::columns + column);
      vector.store(shared.vectors + stage * 3 * S::columns, S::columns, column);
    }
    cuda::mbarrier_arrive(shared.is_full + stage);
    if (++stage == S::stages) stage = 0, ++round;
  }
}

// A warpgroup with rows multiplies them with each tile of columns.
template <int K, int PIECES, bool FORWARD, bool SUMS>
__device__ __forceinline__ void consume(const Pass<float>& pass, int64_t part,
                                        const TileRange& tiles,
                                        const Shared<WarpgroupShape<K, PIECES>>& shared) {
  using S = WarpgroupShape<K, PIECES>;
  using Format = Bfloat16<PIECES>;
  using Rows = PassRows<K, 1, S::columns, FORWARD, SUMS>;
  const int own = int(threadIdx.x) / warpgroup - 1;  // of the warpgroups with rows
  const uint16_t* const row_tile = shared.row_tile + own * 64 * K;
  Rows rows(pass, int64_t(blockIdx.x) * S::rows + own * 64 + threadIdx.x % warpgroup / 32 * 16);
  cuda::mbarrier_wait(shared.rows_are_here, 0);
  int stage = 0, round = 0;
  for (int64_t t = tiles.first; t < tiles.last; ++t) {
    const uint16_t* const column_tile = shared.stages + stage * S::stage_elements;
    const float* const vectors = shared.vectors + stage * 3 * S::columns;
    cuda::mbarrier_wait(shared.is_full + stage, round & 1);
    typename Rows::Logits z;
    rows.begin(vectors, z);
    cuda::wgmma_fence(z[0]);
#pragma unroll
    for (int k = 0; k < K; k += 16) {
#pragma unroll
      for (int sum = PIECES - 1; sum >= 0; --sum) {  // the order of Format::multiply
#pragma unroll
        for (int p = 0; p <= sum; ++p) {
          cuda::wgmma_bf16(
              z[0], with_topics_along_k<K>(row_tile + p * S::rows * K + 8 * k),
              with_topics_along_k<K>(column_tile + (sum - p) * S::columns * K + 8 * k));
        }
      }
    }
    cuda::wgmma_commit();
    cuda::wgmma_wait(z[0]);
    rows.exponentials(vectors, z);
    if constexpr (SUMS) {
      uint32_t a[S::columns / 16][PIECES][4];
#pragma unroll
      for (int c = 0; c < S::columns / 16; ++c) {
        Format::as_left(z[0][2 * c], z[0][2 * c + 1], a[c]);
      }
      cuda::wgmma_fence(rows.sums[0]);
#pragma unroll
      for (int c = 0; c < S::columns / 16; ++c) {
#pragma unroll
        for (int sum = PIECES - 1; sum >= 0; --sum) {
#pragma unroll
          for (int p = 0; p <= sum; ++p) {
            add_rows<K>(rows.sums[0], a[c][p], column_tile + ((sum - p) * S::columns + 16 * c) * K);
          }
        }
      }
      cuda::wgmma_commit();
      cuda::wgmma_wait(rows.sums[0]);
    }
    __syncwarp();
    if (threadIdx.x % 32 == 0) cuda::mbarrier_arrive(shared.is_free + stage);
    if (++stage == S::stages) stage = 0, ++round;
  }
  rows.store(pass, part);
}

#endif  // NTM_FAST_SM90A

template <int K, int PIECES, bool FORWARD, bool SUMS>
__global__ void __launch_bounds__(WarpgroupShape<K, PIECES>::threads, 1)
    wgmma_kernel(const Pass<float> pass, const uint16_t* packed_rows,
                 const uint16_t* packed_columns) {
#ifdef NTM_FAST_SM90A
  using S = WarpgroupShape<K, PIECES>;
  const Shared<S> shared;
  const int64_t part = blockIdx.y;
  const TileRange tiles(pass, part, S::columns);
  if (threadIdx.x < warpgroup) {
    if (S::consumers > 1) cuda::fewer_registers<40>();
    if (threadIdx.x < 32) {
      fetch<K, PIECES, FORWARD>(pass, packed_rows, packed_columns, tiles, shared);
    }
  } else {
    if (S::consumers > 1) cuda::more_registers<232>();
    consume<K, PIECES, FORWARD, SUMS>(pass, part, tiles, shared);
  }
#else
  __trap();  // wgmma_is_wanted() keeps other devices away
#endif
}

template <int K, int PIECES>
int launch_wgmma(const Pass<float>& pass, const void* rows, const void* columns, void* stream) {
  using S = WarpgroupShape<K, PIECES>;
  static_assert(S::bytes <= 227 << 10, "too much shared memory");
  const dim3 grid(unsigned(divide_up(pass.n_rows, S::rows)), unsigned(pass.parts));
  const auto run = [&](auto kernel) {
    return launch(kernel, grid, S::threads, S::bytes, stream, pass,
                  static_cast<const uint16_t*>(rows), static_cast<const uint16_t*>(columns));
  };
  if (pass.forward) {
    return pass.sums ? run(wgmma_kernel<K, PIECES, true, true>)
                     : run(wgmma_kernel<K, PIECES, true, false>);
  }
  return pass.sums ? run(wgmma_kernel<K, PIECES, false, true>)
                   : run(wgmma_kernel<K, PIECES, false, false>);
}

}  // namespace

bool wgmma_is_wanted() {
  if (!wgmma_is_asked_for()) return false;
  int device = 0, major = 0, minor = 0;
  const bool known =
      cudaGetDevice(&device) == cudaSuccess &&
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess;
  return known && major == 9 && minor == 0;
}

int run_wgmma_pass(const Pass<float>& pass, Operands operands, const void* rows,
                   const void* columns, void* stream) {
  return with_packed_topics(pass.topics, [&](auto K) {
    return operands == Operands::bf16 ? launch_wgmma<K, 1>(pass, rows, columns, stream)
                                      : launch_wgmma<K, 2>(pass, rows, columns, stream);
  });
}

}  // namespace bow_product
}  // namespace ntm_fast
