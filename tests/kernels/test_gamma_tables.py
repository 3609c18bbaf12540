"""The tables of the gamma gradient: their recipe, and the arithmetic of the device with them."""

import ctypes
import importlib
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ntm_fast import ops, reference

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("generate_gamma_tables")


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("gamma_truth")


def test_tables_are_what_the_script_gives(tables: ModuleType) -> None:
    assert tables.HEADER.read_text() == tables.header()


def test_unseen_points(truth: ModuleType) -> None:
    rows = truth.holdout_rows(300, seed=21)
    columns = [[float(row[i]) for row in rows] for i in range(3)]
    alpha, log_x, gradient = torch.tensor(columns, dtype=torch.float64)
    double = ops.gamma_implicit_gradient(alpha, log_x)
    single = ops.gamma_implicit_gradient(alpha.float(), log_x.float())
    assert float((double / gradient - 1).abs().max()) < 2e-14
    assert float((single.double() / gradient - 1).abs().max()) < 1.5e-7


def test_expansions_agree_where_they_meet(truth: ModuleType) -> None:
    """The three expansions behind the tables, each beyond the border of its region."""
    mp = truth.mp
    with mp.workdps(truth.DIGITS):
        for u in (-0.9, -0.2, 0.3, 0.9):
            alpha = mp.mpf(1500)
            log_x = mp.log(alpha) + u
            middle = truth._large_alpha(alpha, mp.mpf(u)) / alpha
            other = truth._series if u < 0 else truth._continued_fraction
            assert abs(other(alpha, mp.exp(log_x), log_x) / middle - 1) < 1e-25
        alpha, log_x = mp.mpf("0.7"), mp.log(mp.mpf(2))
        below = truth._series(alpha, mp.mpf(2), log_x)
        assert abs(truth._continued_fraction(alpha, mp.mpf(2), log_x) / below - 1) < 1e-25


def test_device_arithmetic_on_the_host(tmp_path: Path) -> None:
    """The CUDA kernel's own functions, float in float and double in double, run by the CPU."""
    source, library = tmp_path / "device.cpp", tmp_path / "device.so"
    source.write_text(
        """
#define __CUDACC__
#define __host__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#include "math/gamma_gradient.h"
template <class T>
void loop(const T* alpha, const T* log_x, T* gradient, long n) {
  for (long i = 0; i < n; ++i)
    gradient[i] = ntm_fast::cuda::gamma_implicit_gradient(alpha[i], log_x[i]);
}
extern "C" void single(const float* a, const float* l, float* g, long n) { loop(a, l, g, n); }
extern "C" void twofold(const double* a, const double* l, double* g, long n) { loop(a, l, g, n); }
"""
    )
    compiler = [os.environ.get("CXX", "c++"), "-std=c++17", "-O2", "-fPIC", "-shared"]
    subprocess.run([*compiler, f"-I{ROOT / 'csrc'}", source, "-o", library], check=True)
    loops = ctypes.CDLL(str(library))
    alpha = torch.logspace(-6, 8, 200, dtype=torch.float64)[:, None]
    log_x = alpha.log() + torch.linspace(-40, 4, 100, dtype=torch.float64)
    for loop, dtype, bound in (
        (loops.single, torch.float32, 1e-6),
        (loops.twofold, torch.float64, 2e-14),
    ):
        arguments = [t.to(dtype).contiguous() for t in torch.broadcast_tensors(alpha, log_x)]
        result = torch.empty_like(arguments[0])
        pointers = [ctypes.c_void_p(t.data_ptr()) for t in (*arguments, result)]
        loop(*pointers, ctypes.c_long(result.numel()))
        expected = reference.gamma_implicit_gradient(*(t.double() for t in arguments))
        kept = expected > 1e-30
        assert float((result.double() / expected - 1)[kept].abs().max()) < bound
