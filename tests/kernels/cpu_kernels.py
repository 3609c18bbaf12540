"""Compiles a piece of C++ against csrc/ as setup.py compiles the kernels, and calls it."""

import ast
import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def setup_constant(name: str) -> object:
    """A literal of setup.py, which cannot be imported."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py has no {name}")


def compile_at_level(source: str, level: str, folder: Path) -> ctypes.CDLL:
    """A library of ``source``, whose functions are extern "C", built for one instruction set."""
    (folder / "source.cpp").write_text(source)
    levels = {**setup_constant("CPU_LEVELS"), **setup_constant("BF16_LEVELS")}  # type: ignore
    flags = [*setup_constant("CPU_FLAGS"), *levels[level], f"-DNTM_FAST_ISA={level}"]  # type: ignore
    command = [os.environ.get("CXX", "c++"), *flags, "-shared", f"-I{ROOT / 'csrc'}"]
    subprocess.run([*command, folder / "source.cpp", "-o", folder / "library.so"], check=True)
    return ctypes.CDLL(str(folder / "library.so"))


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
