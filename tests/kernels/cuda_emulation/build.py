"""Compiles CUDA sources for the emulator (cuda_emulation.h) with the C++ compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from torch.utils import cpp_extension

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BUILD = ROOT / "build" / "cuda_emulation"
# Stacks are left alone: the emulator has its own, of which the sanitizer knows nothing.
SANITIZE = ["-fsanitize=address,alignment", "-fno-sanitize-recover=all", "--param", "asan-stack=0"]
FLAGS = [
    "-std=c++17",
    "-O1",
    "-fexpensive-optimizations",
    "-g1",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
]
FLAGS += ["-Wno-unknown-pragmas", "-Wno-unused-parameter", "-DNTM_FAST_CUDA_EMULATED"]
# Products and sums are fused, as nvcc does it.
FLAGS += ["-D_GNU_SOURCE", "-march=native", "-ffp-contract=fast", f"-I{ROOT / 'csrc'}"]
CUDA = ["-x", "c++", "-D__CUDACC__", "-DNTM_FAST_ISA=cuda", f"-I{HERE}"]
CUDA += ["-include", "cuda_emulation.h"]
TORCH = ["-DTORCH_TARGET_VERSION=0x020a000000000000"]
TORCH += [f"-isystem{path}" for path in cpp_extension.include_paths()]


def compiler() -> str:
    """The C++ compiler; skips the test where there is none, or no ninja."""
    found = shutil.which(os.environ.get("CXX", "c++"))
    if found is None or ninja() is None:
        pytest.skip("no C++ compiler, or no ninja")
    return found


def ninja() -> str | None:
    beside = str(Path(sys.executable).parent)
    return shutil.which("ninja", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))


def build(name: str, sources: Sequence[Path], *, sanitize: bool = True) -> Path:
    """A shared library of ``sources``, made anew only where one of them has changed."""
    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    extra = SANITIZE if sanitize else []
    rules = ["rule compile\n  command = $compiler -MD -MF $out.d -c $in -o $out\n"]
    rules[0] += "  depfile = $out.d\n  deps = gcc\n"
    objects = []
    for source in sources:
        flags = CUDA if source.suffix == ".cu" else TORCH
        objects.append(f"{source.relative_to(ROOT)}.o")
        command = " ".join([compiler(), *FLAGS, *extra, *flags])
        rules.append(f"build {objects[-1]}: compile {source}\n  compiler = {command}\n")
    libraries = [f"-L{path}" for path in cpp_extension.library_paths()]
    libraries += ["-lc10", "-ltorch_cpu"]
    link = " ".join([compiler(), "-shared", *extra])
    rules.append(f"rule link\n  command = {link} $in -o $out {' '.join(libraries)}\n")
    library = folder / f"{name}.so"
    rules.append(f"build {library}: link {' '.join(objects)}\n")
    (folder / "build.ninja").write_text("\n".join(rules))
    jobs = os.environ.get("MAX_JOBS")
    command = [ninja() or "ninja", *(["-j", jobs] if jobs else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return library


def sanitizer_environment() -> dict[str, str]:
    """For a process that loads such a library: the sanitizer has to be loaded before Python.

    So has the C++ library, or the sanitizer does not find what throws exceptions.
    """
    paths = []
    for name in ("libasan.so", "libstdc++.so"):
        query = [compiler(), f"-print-file-name={name}"]
        found = subprocess.run(query, capture_output=True, text=True, check=True)
        paths.append(found.stdout.strip())
    return {"LD_PRELOAD": " ".join(paths), "ASAN_OPTIONS": "detect_leaks=0"}
