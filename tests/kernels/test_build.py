"""The built extension: symbols of the kernels, build_info, and the package without it."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import torch

import ntm_fast.ops
from tests.helpers.levels import ALL_LEVELS, BF16_LEVELS, LEVELS, supported

ROOT = Path(__file__).resolve().parents[2]
BUILD = f"temp.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
KERNELS = ROOT / "build" / BUILD / "kernels"
WITHOUT_EXTENSION = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "ntm_fast._C":
            raise ImportError("No module named 'ntm_fast._C'", name=name)

sys.meta_path.insert(0, Blocker())
"""


def mergeable_symbols(built: Path, level: str) -> list[str]:
    """Symbols that the linker may merge with those of an object for another instruction set.

    Weak ones (W, V, and u for unique) outside the level's own namespace: whichever copy the linker
    kept would run at every level, and an AVX-512 copy would crash a machine without it.
    """
    lines = subprocess.run(["nm", "-C", built], capture_output=True, text=True, check=True).stdout
    symbols = re.findall(r"^[0-9a-f ]*\b([WVu]) (.+)$", lines, re.MULTILINE)
    return [name for _, name in symbols if f"ntm_fast::{level}::" not in name]


def test_kernels_share_no_symbols_between_instruction_sets() -> None:
    if not KERNELS.is_dir():
        pytest.skip(f"{KERNELS} is absent: not built in this folder")
    for level in ntm_fast.build_info().compiled_cpu_levels:
        cpu = ROOT / "csrc" / "cpu"
        for source in cpu.rglob("*.cpp"):
            if source.stem.endswith("_bf16") != (level in BF16_LEVELS):
                continue
            built = KERNELS / source.relative_to(cpu).with_suffix(f".{level}.o")
            assert built.is_file()
            assert not mergeable_symbols(built, level), built.name


# Instructions that only the levels named may have.
WIDER = {
    r"zmm\d": [*LEVELS[2:], *BF16_LEVELS],
    r"vdpbf16ps|vcvtne2?ps2bf16": BF16_LEVELS,
    r"tmm\d|tilecfg|tilerelease": BF16_LEVELS[1:],
}


@pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump")
@pytest.mark.parametrize("level", ntm_fast.build_info().compiled_cpu_levels)
def test_kernels_have_no_wider_instructions(level: str) -> None:
    if not KERNELS.is_dir():
        pytest.skip(f"{KERNELS} is absent: not built in this folder")
    built = sorted(KERNELS.rglob(f"*.{level}.o"))
    text = subprocess.run(["objdump", "-d", *built], capture_output=True, text=True).stdout
    for instructions, levels in WIDER.items():
        # A level also has what gives it its name.
        assert bool(re.search(instructions, text)) == (level in levels), instructions


def test_a_shared_symbol_is_found(tmp_path: Path) -> None:
    source = tmp_path / "merged.cpp"
    source.write_text(
        "template <class T> __attribute__((noinline)) T twice(T x) { return x + x; }\n"
        "namespace ntm_fast { namespace avx2 {\n"
        "template <class T> T thrice(T x) { return twice(x) + x; }\n"
        "template float thrice(float);\n}}\n"
    )
    built = tmp_path / "merged.o"
    subprocess.run([os.environ.get("CXX", "c++"), "-O2", "-c", source, "-o", built], check=True)
    assert mergeable_symbols(built, "avx2") == ["float twice<float>(float)"]
    assert len(mergeable_symbols(built, "avx512")) == 2


@pytest.mark.skipif(shutil.which("nm") is None, reason="no nm")
def test_extension_has_all_of_its_own_symbols() -> None:
    """A build without CUDA, whose torch side is the same, refers to no kernel of CUDA's."""
    extension = importlib.import_module("ntm_fast._C").__file__
    command = ["nm", "-DCu", str(extension)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines
    assert not [line for line in lines if "ntm_fast::" in line]


def test_kernels_are_registered_for_every_device_of_the_build() -> None:
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    ops = {op for op in torch._C._dispatch_get_all_op_names() if op.startswith("ntm_fast::")}
    alone = ("adam", "adam_rows", "bow_linear_backward_rows", "word_order")
    on_cpu_alone = {f"ntm_fast::{op}" for op in alone}
    with_cuda = ops - on_cpu_alone if ntm_fast.build_info().cuda_architectures else set()
    assert on_cpu_alone < ops
    assert {op for op in ops if has_kernel(op, "CPU")} == ops
    assert {op for op in ops if has_kernel(op, "CUDA")} == with_cuda


def test_build_info() -> None:
    info = ntm_fast.build_info()
    assert info.extension
    assert info.extension_error is None
    assert info.version == ntm_fast.__version__
    assert info.torch == torch.__version__
    assert info.threads == torch.get_num_threads()
    assert info.cpu_level in info.compiled_cpu_levels
    assert info.widest_cpu_level in ALL_LEVELS
    assert set(info.as_dict()) == set(info.__dataclass_fields__)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize("level", supported(ALL_LEVELS))
def test_level_is_forced(level: str) -> None:
    done = python("import ntm_fast; print(ntm_fast.build_info().cpu_level)", NTM_FAST_CPU=level)
    assert done.stdout.split() == [level]


def test_wrong_level_is_refused() -> None:
    done = python("import ntm_fast.ops", NTM_FAST_CPU="sse9")
    assert done.returncode == 1
    assert "NTM_FAST_CPU=sse9: expected baseline, avx2, avx512, avx512_bf16 or amx" in done.stderr
    done = python("import ntm_fast; print(ntm_fast.build_info())", NTM_FAST_CPU="sse9")
    assert "NTM_FAST_CPU=sse9: expected baseline" in done.stdout


def test_without_the_extension() -> None:
    code = WITHOUT_EXTENSION + "import ntm_fast, ntm_fast.reference, ntm_fast.data\n"
    done = python(code + "print(ntm_fast.build_info().extension)")
    assert done.stdout.split() == ["False"], done.stderr
    done = python(code + "import ntm_fast.ops")
    (line,) = (
        line for line in done.stderr.splitlines() if line.startswith("ImportError: ntm_fast")
    )
    assert "pip install --no-build-isolation -e ." in line
    assert "ntm_fast.reference" in line


def test_cuda_objects_are_kept_by_the_version_of_nvcc(tmp_path: Path) -> None:
    source, names = (ROOT / "setup.py").read_text(), ("with_headers", "content_key")
    scope: dict[str, Any] = {}
    functions = [n for n in ast.parse(source).body if getattr(n, "name", None) in names]
    imports = "import hashlib, re, subprocess\nfrom pathlib import Path\n"
    exec(f"{imports}ROOT = Path({str(ROOT)!r})\n" + "\n".join(map(ast.unparse, functions)), scope)

    def key(folder: str, version: str) -> str:
        nvcc = tmp_path / folder / "nvcc"
        nvcc.parent.mkdir()
        nvcc.write_text(f"#!/bin/sh\necho release {version}\n")
        nvcc.chmod(0o755)
        return str(scope["content_key"](ROOT / "csrc" / "cuda" / "dropout.cu", [str(nvcc), "-O3"]))

    assert key("here", "13.0") == key("there", "13.0") != key("newer", "13.1")
