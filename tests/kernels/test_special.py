"""Accuracy of csrc/math/special.h and gamma_divergence.h, for each instruction set."""

import ctypes
import functools
from collections.abc import Sequence

import mpmath
import numpy as np
import pytest

from tests.kernels.cpu_kernels import call

SOURCE = """
#include "math/gamma_divergence.h"
#define EXPORT extern "C" __attribute__((visibility("default"))) void
#define LOOP(name, T)                                                                \\
  EXPORT name##_##T(const T* x, T* y, long n) {                                      \\
    NTM_FAST_SIMD for (long i = 0; i < n; ++i) y[i] = ntm_fast::NTM_FAST_ISA::name(x[i]); \\
  }
LOOP(digamma, float) LOOP(digamma, double) LOOP(trigamma, float) LOOP(trigamma, double)
LOOP(lgamma, float) LOOP(lgamma, double)
EXPORT lgamma_divergence(const double* a, const double* b, double* y, long n) {
  NTM_FAST_SIMD for (long i = 0; i < n; ++i)
    y[i] = ntm_fast::NTM_FAST_ISA::lgamma_divergence(a[i], b[i]);
}
"""


FUNCTIONS = {
    "digamma": mpmath.digamma,
    "trigamma": lambda x: mpmath.psi(1, x),
    "lgamma": mpmath.loggamma,
}


@functools.cache
def points() -> np.ndarray:
    random = np.random.default_rng(0)
    zeros = [
        z + random.uniform(-1, 1, 40) * 10.0 ** random.uniform(-9, -1, 40)
        for z in (1.0, 2.0, 1.4616321449683623)
    ]
    return np.concatenate(
        [
            10.0 ** random.uniform(-30, 30, 400),
            random.uniform(0, 12, 400),
            *zeros,
            np.arange(3.0, 30),
        ]
    )


@functools.cache
def truth(name: str, dtype: type) -> list[mpmath.mpf]:
    with mpmath.workdps(50):
        return [FUNCTIONS[name](mpmath.mpf(float(v))) for v in points().astype(dtype)]


def worst(y: Sequence[float], exact: Sequence[mpmath.mpf], floor: float) -> float:
    """Largest |y - exact| / max(|exact|, floor)."""
    errors = [
        abs(mpmath.mpf(float(v)) - t) / max(abs(t), floor) for v, t in zip(y, exact, strict=True)
    ]
    position = int(np.argmax(errors))
    print(f"worst {float(errors[position]):.2g} at {position}")
    return float(errors[position])


@pytest.mark.parametrize(
    ("name", "floor", "bound"),
    [("digamma", 1.0, 2e-15), ("trigamma", 0.0, 1e-15), ("lgamma", 0.0, 1e-15)],
)
def test_special(library: ctypes.CDLL, name: str, floor: float, bound: float) -> None:
    double = call(library, name, points())
    assert worst(double, truth(name, np.float64), floor) <= bound
    single = call(library, name, points().astype(np.float32))
    pairs = [p for p in zip(single, truth(name, np.float32), strict=True) if 0 < abs(p[1]) < 3e38]
    assert len(pairs) > 800
    assert worst(*zip(*pairs, strict=True), floor) <= 6.1e-8


@functools.cache
def pairs() -> tuple[np.ndarray, np.ndarray, list[mpmath.mpf]]:
    random = np.random.default_rng(1)
    a = np.concatenate([10.0 ** random.uniform(-30, 30, 200), 10.0 ** random.uniform(-5, 6, 600)])
    near = 1 + random.standard_normal(400) * 10.0 ** random.uniform(-9, -1, 400)
    b = np.concatenate(
        [
            10.0 ** random.uniform(-30, 30, 100),
            a[100:500] * near,
            10.0 ** random.uniform(-5, 6, 300),
        ]
    )
    with mpmath.workdps(100):
        both = [(mpmath.mpf(float(p)), mpmath.mpf(float(q))) for p, q in zip(a, b, strict=True)]
        exact = [
            mpmath.loggamma(q) - mpmath.loggamma(p) - (q - p) * mpmath.digamma(p) for p, q in both
        ]
    return a, b, exact


def test_lgamma_divergence(library: ctypes.CDLL) -> None:
    a, b, exact = pairs()
    y = np.empty_like(a)
    p, q, to = (ctypes.c_void_p(v.ctypes.data) for v in (a, b, y))
    library.lgamma_divergence(p, q, to, a.size)
    assert worst(y, exact, 1.0) <= 4e-15
    library.lgamma_divergence(p, p, to, a.size)
    assert np.abs(y).max() < 1e-18
