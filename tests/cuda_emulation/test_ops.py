"""The tests of every op, with its CUDA kernels run by the emulator in place of the CPU's."""

import os
import subprocess
import sys

import pytest

from tests.cuda_emulation.build import ROOT, build, sanitizer_environment

CSRC = ROOT / "csrc"
COMMON: list[str] = []  # what several ops share
KERNELS = sorted(p.name.removesuffix("_cuda.cpp") for p in CSRC.glob("*_cuda.cpp"))


@pytest.mark.parametrize("op", KERNELS)
def test_op(op: str) -> None:
    sources = [CSRC / f"{op}_cuda.cpp", *sorted((CSRC / "cuda").glob(f"{op}*.cu"))]
    library = build(op, [*sources, *(CSRC / name for name in COMMON)])
    files = sorted(ROOT.glob(f"tests/ops/test_{op}.py")) + sorted(
        ROOT.glob(f"tests/ops/test_{op}_*.py")
    )
    tests = [*map(str, files), "--hypothesis-profile=few"]
    # What torch makes of an op does not depend on its kernels.
    tests += ["-k", "not contracts and not compile and not double_backward"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        env={
            **os.environ,
            **sanitizer_environment(),
            "NTM_FAST_EMULATED_KERNELS": str(library),
            "CUDA_EMULATION_ORDER": "2",  # mixed up
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert " passed" in done.stdout
