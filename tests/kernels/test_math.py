"""Accuracy of csrc/math/exp_log.h, compiled as the kernels are, for each instruction set."""

import ast
import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.levels import machine_levels

ROOT = Path(__file__).resolve().parents[1]
POINTS = int(os.environ.get("NTM_FAST_MATH_POINTS", 1_000_000))  # 10^7 for the header's figures
SOURCE = """
#include "math/exp_log.h"
#define LOOP(name, T)                                                               \\
  extern "C" __attribute__((visibility("default"))) void name##_##T(const T* x, T* y, long n) { \\
    NTM_FAST_SIMD for (long i = 0; i < n; ++i) y[i] = ntm_fast::NTM_FAST_ISA::name(x[i]);       \\
  }
LOOP(exp, float) LOOP(exp, double) LOOP(log, float) LOOP(log, double)
"""


def setup_constant(name: str) -> object:
    """A literal of setup.py, which cannot be imported."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py has no {name}")


@pytest.fixture(scope="module", params=machine_levels())
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ctypes.CDLL:
    level = request.param
    folder = tmp_path_factory.mktemp(level)
    (folder / "math.cpp").write_text(SOURCE)
    flags = [*setup_constant("CPU_FLAGS"), *setup_constant("CPU_LEVELS")[level]]
    command = [os.environ.get("CXX", "c++"), *flags, f"-DNTM_FAST_ISA={level}", "-shared"]
    command += [f"-I{ROOT / 'csrc'}", str(folder / "math.cpp"), "-o", str(folder / "math.so")]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "math.so"))


def call(library: ctypes.CDLL, name: str, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    c_name = {"float32": "float", "float64": "double"}[x.dtype.name]
    pointer = ctypes.c_void_p
    getattr(library, f"{name}_{c_name}")(pointer(x.ctypes.data), pointer(y.ctypes.data), x.size)
    return y


def worst_ulp(y: np.ndarray, x: np.ndarray, exact: Callable[[np.ndarray], np.ndarray]) -> float:
    """Largest |y - f(x)| in units of the spacing of y's dtype at f(x)."""
    truth = exact(x.astype(np.longdouble))
    spacing = np.spacing(np.abs(truth).astype(x.dtype)).astype(np.longdouble)
    error = np.abs(y - truth) / spacing
    print(f"worst {error.max():.3f} ulp at {x[error.argmax()]!r}")
    return float(error.max())


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
