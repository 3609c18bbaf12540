"""Accuracy of csrc/math/exp_log.h, compiled as the kernels are, for each instruction set."""

import ctypes
import os

import numpy as np
import pytest

from tests.kernels.cpu_kernels import call, worst_ulp

POINTS = int(os.environ.get("NTM_FAST_MATH_POINTS", 1_000_000))  # 10^7 for the header's figures
SOURCE = """
#include "math/exp_log.h"
#define LOOP(name, T)                                                               \\
  extern "C" __attribute__((visibility("default"))) void name##_##T(const T* x, T* y, long n) { \\
    NTM_FAST_SIMD for (long i = 0; i < n; ++i) y[i] = ntm_fast::NTM_FAST_ISA::name(x[i]);       \\
  }
LOOP(exp, float) LOOP(exp, double) LOOP(log, float) LOOP(log, double)
"""


@pytest.mark.parametrize(
    ("dtype", "low", "high", "bound"),
    [
        (np.float32, -87.3, 88.7, 1.05),
        (np.float32, -103.9, -87.4, 0.8),  # denormal results: once more rounded
        (np.float64, -708.3, 709.7, 1.0),
        (np.float64, -745.1, -708.4, 0.8),
    ],
)
def test_exp(library: ctypes.CDLL, dtype: type, low: float, high: float, bound: float) -> None:
    random = np.random.default_rng(0)
    near_zero = random.standard_normal(POINTS // 4) * 10.0 ** random.uniform(-12, 0, POINTS // 4)
    x = np.concatenate([random.uniform(low, high, POINTS), near_zero if high > 0 else []])
    x = x.astype(dtype)
    assert worst_ulp(call(library, "exp", x), x, np.exp) <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log(library: ctypes.CDLL, dtype: type) -> None:
    random = np.random.default_rng(0)
    integer = np.uint32 if dtype is np.float32 else np.uint64
    top = np.array(np.inf, dtype).view(integer)
    every_size = random.integers(1, top, POINTS, dtype=integer).view(dtype)  # denormals too
    denormal = random.integers(1, np.finfo(dtype).tiny.view(integer), POINTS // 4, dtype=integer)
    near_one = (1 + random.uniform(-0.5, 1, POINTS)).astype(dtype)
    x = np.concatenate([every_size, denormal.view(dtype), near_one])
    assert worst_ulp(call(library, "log", x), x, np.log) <= 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(library: ctypes.CDLL, dtype: type) -> None:
    # More than one vector of each, so that the vectorised loop and its remainder both see them.
    x = np.tile(np.array([-np.inf, np.inf, np.nan, 0, -0.0, -1e4, 1e4, 1, -1], dtype), 5)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        exp, log = np.exp(x), np.log(x)
    np.testing.assert_allclose(call(library, "exp", x), exp, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(call(library, "log", x), log, rtol=4 * np.finfo(dtype).eps)
    assert np.array_equal(call(library, "exp", x) == 1, exp == 1)
