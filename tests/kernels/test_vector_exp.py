"""Accuracy of csrc/cpu/simd/vector_exp.h, compiled as the kernels are, for each instruction set."""

import ctypes

import numpy as np
import pytest

from tests.kernels.cpu_kernels import call, worst_ulp

SOURCE = """
#include "cpu/simd/vector_exp.h"
using namespace ntm_fast::NTM_FAST_ISA;
#define LOOP(name, T)                                                                            \\
  extern "C" __attribute__((visibility("default"))) void name##_##T(const T* x, T* y, long n) {  \\
    for (long i = 0; i + Vector<T>::width <= n; i += Vector<T>::width)                           \\
      store(y + i, name(load(x + i)));                                                           \\
  }
LOOP(exp_flushed, float) LOOP(exp_flushed, double)
LOOP(exp2_bounded, float) LOOP(exp2_bounded, double)
"""


@pytest.mark.parametrize(
    ("name", "dtype", "low", "high", "bound"),
    [
        ("exp_flushed", np.float32, -86.9, 88, 1.3 + 88),
        ("exp_flushed", np.float32, -1, 1, 1.3 + 1),
        ("exp_flushed", np.float64, -707.9, 709, 1.3 + 709),
        ("exp_flushed", np.float64, -1, 1, 1.3 + 1),
        ("exp2_bounded", np.float32, -126, 126.5, 1.3),
        ("exp2_bounded", np.float64, -1022, 1022.5, 1.3),
    ],
)
def test_exponentials(
    library: ctypes.CDLL, name: str, dtype: type, low: float, high: float, bound: float
) -> None:
    random = np.random.default_rng(0)
    wide, narrow = random.uniform(low, high, 1 << 18), random.uniform(-1, 1, 1 << 18)
    x = np.concatenate([wide, narrow, [low, high, 0, -0.5, 0.5, 1, -1, 0.7] * 2]).astype(dtype)
    exact = np.exp if name == "exp_flushed" else np.exp2
    assert worst_ulp(call(library, name, x), x, exact) <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_specials(library: ctypes.CDLL, dtype: type) -> None:
    x = np.array([-np.inf, -1e30, np.nan, 0] * 4, dtype)
    assert np.array_equal(call(library, "exp_flushed", x)[:4], [0, 0, np.nan, 1], equal_nan=True)
    least = np.finfo(dtype).tiny
    bounded = call(library, "exp2_bounded", x)[:4]
    assert np.array_equal(bounded, [least, least, np.nan, 1], equal_nan=True)
