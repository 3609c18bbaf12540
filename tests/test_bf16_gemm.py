"""csrc/cpu/bf16_gemm.h and bf16_pairs.h, compiled as the kernels are, against float64."""

import ctypes

import numpy as np
import pytest
import torch

from tests.cpu_kernels import compile_at_level
from tests.emulator import amx_emulator
from tests.levels import BF16_LEVELS, supported

SOURCE = """
#include "cpu/bf16_gemm.h"
#include <stdlib.h>
using namespace ntm_fast::NTM_FAST_ISA;
static int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
// C [rows, width] += A [rows, depth] B [depth, width], with A as it stands (order 0) or from its
// transpose [depth, rows] (1). C has room for rows up to a multiple of 16.
template <int PARTS>
void product(int order, const float* a, const float* b, long rows, long depth, long width, float* c,
             bool accumulate) {
  const int64_t padded_rows = up(rows, 16), pairs = up(up(depth, 2) / 2, 16);
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
  pair_rows<PARTS>(b, width, depth, width, right, pairs, width);
  {
    const TilesInUse tiles;
    bf16_gemm<PARTS>(left, right, up((depth + 1) / 2, bf16_depth_unit), up(rows, bf16_row_unit), c,
                     width, accumulate);
  }
  free(left.data), free(right.data), free(other.data);
}
extern "C" __attribute__((visibility("default"))) void run(
    int parts, int order, const float* a, const float* b, long rows, long depth, long width,
    float* c, bool accumulate) {
  if (parts == 1) product<1>(order, a, b, rows, depth, width, c, accumulate);
  else product<2>(order, a, b, rows, depth, width, c, accumulate);
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
    sizes = [ctypes.c_long(n) for n in (c.shape[0], b.shape[0], b.shape[1])]
    library.run(parts, order, *pointers[:2], *sizes, pointers[2], accumulate)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(
    ("rows", "depth", "width"),
    [(1, 1, 16), (7, 33, 48), (16, 32, 64), (33, 64, 32), (50, 101, 64), (24, 5, 48)],
)
def test_product(
    library: ctypes.CDLL, parts: int, order: int, rows: int, depth: int, width: int
) -> None:
    random = np.random.default_rng(rows + depth)
    a = random.standard_normal((rows, depth)).astype(np.float32)
    b = random.standard_normal((depth, width)).astype(np.float32)
    given = np.ascontiguousarray(a.T) if order else a
    room = random.standard_normal((-(-rows // 16) * 16, width)).astype(np.float32)
    for accumulate in (False, True):
        c = room.copy()
        run(library, parts, order, given, b, c[:rows], accumulate)
        if parts == 1:
            left, right = (torch.from_numpy(x).bfloat16().double().numpy() for x in (a, b))
            bound = 2**-22  # sums in float32
        else:
            left, right = a.astype(np.float64), b.astype(np.float64)
            bound = 2**-16
        truth = left @ right + (room[:rows] if accumulate else 0)
        scale = np.abs(left) @ np.abs(right) + np.abs(room[:rows])
        assert (np.abs(c[:rows] - truth) <= bound * scale).all()


def test_not_finite(library: ctypes.CDLL) -> None:
    a = np.full((16, 32), 0.5, np.float32)
    a[1, 3], a[2, 5] = np.inf, np.nan
    for parts in (1, 2):
        c = np.empty((16, 16), np.float32)
        run(library, parts, 0, a, np.ones((32, 16), np.float32), c, False)
        assert np.isnan(c[2]).all()
        assert parts == 2 or np.isinf(c[1]).all()
        assert (c[[0, 3]] == 16).all()
