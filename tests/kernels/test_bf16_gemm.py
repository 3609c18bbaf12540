"""csrc/cpu/simd/bf16_gemm.h and bf16_pairs.h, compiled as the kernels are, against float64."""

import ctypes

import numpy as np
import pytest
import torch

from tests.helpers.levels import BF16_LEVELS, supported
from tests.kernels.amx_emulation import amx_emulator
from tests.kernels.cpu_kernels import compile_at_level

SOURCE = """
#include "cpu/simd/bf16_gemm.h"
#include <stdlib.h>
using namespace ntm_fast::NTM_FAST_ISA;
static int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
// C [rows, columns] (+)= A [rows, depth] B [depth, columns], with A as it stands (order 0) or from
// its transpose [depth, rows] (1).
template <int PARTS>
void product(int order, const float* a, const float* b, long rows, long depth, long columns,
             float* c, long c_stride, bool accumulate) {
  const int64_t padded_rows = up(rows, 16), pairs = up((depth + 1) / 2, 16);
  const int64_t width = up(columns, 16);
  const auto room = [&](int64_t n) {
    return (Pair*)aligned_alloc(64, PARTS * n * sizeof(Pair));
  };
  const Pairs left{room(padded_rows * pairs), pairs, padded_rows * pairs};
  const Pairs right{room(pairs * width), width, pairs * width};
  const Pairs other{room(padded_rows * pairs), padded_rows, padded_rows * pairs};
  if (order == 0) {
    pair_in_rows<PARTS>(a, depth, rows, depth, left, padded_rows, pairs);
  } else {
    pair_rows<PARTS>(a, rows, depth, rows, other, pairs, padded_rows);
    transpose_pairs<PARTS>(other, pairs, padded_rows, left);
  }
  pair_rows<PARTS>(b, columns, depth, columns, right, pairs, width);
  {
    const TilesInUse tiles;
    bf16_gemm<PARTS>({left, right, up((depth + 1) / 2, bf16_depth_unit), c, c_stride, accumulate},
                     rows, columns);
  }
  free(left.data), free(right.data), free(other.data);
}
extern "C" __attribute__((visibility("default"))) void run(
    int parts, int order, const float* a, const float* b, long rows, long depth, long columns,
    float* c, long c_stride, bool accumulate) {
  if (parts == 1) product<1>(order, a, b, rows, depth, columns, c, c_stride, accumulate);
  else product<2>(order, a, b, rows, depth, columns, c, c_stride, accumulate);
}
"""


@pytest.fixture(scope="module", params=BF16_LEVELS)
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ctypes.CDLL:
    if "avx512_bf16" not in supported(BF16_LEVELS):
        pytest.skip("this machine has no AVX-512 with bfloat16")
    if request.param == "amx" and "amx" not in supported(BF16_LEVELS):
        ctypes.CDLL(str(amx_emulator()))
    return compile_at_level(SOURCE, request.param, tmp_path_factory.mktemp(request.param))


def run(
    library: ctypes.CDLL,
    parts: int,
    order: int,
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    accumulate: bool,
) -> None:
    pointers = [ctypes.c_void_p(x.ctypes.data) for x in (a, b, c)]
    sizes = [ctypes.c_long(n) for n in (c.shape[0], *b.shape)]
    stride = ctypes.c_long(c.strides[0] // 4)
    library.run(parts, order, *pointers[:2], *sizes, pointers[2], stride, accumulate)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(
    ("rows", "depth", "columns"),
    [(1, 1, 1), (7, 33, 40), (16, 32, 64), (32, 64, 32), (33, 8, 31), (50, 101, 60), (13, 5, 48)],
)
def test_product(
    library: ctypes.CDLL, parts: int, order: int, rows: int, depth: int, columns: int
) -> None:
    random = np.random.default_rng(rows + depth)
    a = random.standard_normal((rows, depth)).astype(np.float32)
    b = random.standard_normal((depth, columns)).astype(np.float32)
    given = np.ascontiguousarray(a.T) if order else a
    before = random.standard_normal((rows + 1, columns + 3)).astype(np.float32)
    for accumulate in (False, True):
        whole = before.copy()
        c, start = whole[:rows, :columns], before[:rows, :columns] * accumulate
        run(library, parts, order, given, b, c, accumulate)
        if parts == 1:
            left, right = (torch.from_numpy(x).bfloat16().double().numpy() for x in (a, b))
            bound = (depth + 2) * 2**-24  # sums in float32
        else:
            left, right = a.astype(np.float64), b.astype(np.float64)
            bound = 2**-16
        scale = np.abs(left) @ np.abs(right) + np.abs(start)
        assert (np.abs(c - (left @ right + start)) <= bound * scale).all()
        assert np.array_equal(whole[rows:], before[rows:])  # nothing written beside C
        assert np.array_equal(whole[:, columns:], before[:, columns:])


def test_not_finite(library: ctypes.CDLL) -> None:
    a = np.full((16, 32), 0.5, np.float32)
    a[1, 3], a[2, 5] = np.inf, np.nan
    for parts in (1, 2):
        c = np.empty((16, 16), np.float32)
        run(library, parts, 0, a, np.ones((32, 16), np.float32), c, False)
        assert np.isnan(c[2]).all()
        assert parts == 2 or np.isinf(c[1]).all()
        assert (c[[0, 3]] == 16).all()
