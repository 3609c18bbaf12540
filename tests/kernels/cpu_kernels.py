"""Compiles a piece of C++ against csrc/ as setup.py compiles the kernels."""

import ctypes
import os
import subprocess
from pathlib import Path

from tests.test_math import ROOT, setup_constant


def compile_at_level(source: str, level: str, folder: Path) -> ctypes.CDLL:
    """A library of ``source``, whose functions are extern "C", built for one instruction set."""
    (folder / "source.cpp").write_text(source)
    levels = {**setup_constant("CPU_LEVELS"), **setup_constant("BF16_LEVELS")}  # type: ignore
    flags = [*setup_constant("CPU_FLAGS"), *levels[level], f"-DNTM_FAST_ISA={level}"]  # type: ignore
    command = [os.environ.get("CXX", "c++"), *flags, "-shared", f"-I{ROOT / 'csrc'}"]
    subprocess.run([*command, folder / "source.cpp", "-o", folder / "library.so"], check=True)
    return ctypes.CDLL(str(folder / "library.so"))
