"""The tests of every op, with its CUDA kernels run by the emulator in place of the CPU's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ntm_fast import ops
from tests.helpers.kernel_files import cuda_sources, kernel_of
from tests.kernels.cuda_emulation.build import ROOT, build, sanitizer_environment

CSRC = ROOT / "csrc"
# Ops whose kernels are tested in one process, since starting it costs as much as most tests do;
# what is not named here is among the rest.
GROUPS = {
    "product": ["bow_product_log_likelihood"],
    "sparse": [
        "bow_linear",
        "bow_mixture_log_likelihood",
        "bow_mixture_proportions",
        "bow_rows",
        "topic_overlap",
    ],
}
KERNELS = [op for op in ops.__all__ if cuda_sources(kernel_of(op))]
REST = sorted(set(KERNELS).difference(*GROUPS.values()))
SHARED = ["csr.cu", "cuda_device.cu", "word_sums.cu"]
# What torch makes of an op does not depend on its kernels; statistics of draws follow from the
# draws' being those of the reference, and need many.
SKIPPED = ["contracts", "compile", "double_backward", "moments", "identities", "distribution"]
SKIPPED += ["law", "bias_falls", "independent", "noise_is_normal"]


# Tests of the instructions of sm_90a, which have to be asked for.
WGMMA = {"NTM_FAST_WGMMA": "1", "CUDA_EMULATION_SHARED_KIB": "227"}


def library_of(group: str) -> Path:
    sources = [CSRC / "ops" / "device.cpp", CSRC / "ops" / "csr_batch.cpp"]
    sources += [CSRC / "cuda" / name for name in SHARED]
    for kernel in sorted(set(map(kernel_of, GROUPS.get(group, REST)))):
        sources += [CSRC / "ops" / f"{kernel}.cpp", *cuda_sources(kernel)]
    return build(group, sources)


def run_tests(library: Path, files: list[Path], **environment: str) -> None:
    tests = [*map(str, files), "--hypothesis-profile=few"]
    tests += ["-k", " and ".join(f"not {name}" for name in SKIPPED)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        env={
            **os.environ,
            **sanitizer_environment(),
            "NTM_FAST_EMULATED_KERNELS": str(library),
            "CUDA_EMULATION_ORDER": "2",  # mixed up
            **environment,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize("group", [*GROUPS, "rest"])
def test_ops(group: str) -> None:
    files = []
    for op in GROUPS.get(group, REST):
        files += sorted(ROOT.glob(f"tests/ops/test_{op}.py"))
        files += sorted(ROOT.glob(f"tests/ops/test_{op}_*.py"))
    run_tests(library_of(group), files)


def test_products_by_wgmma() -> None:
    files = [ROOT / "tests/ops/test_bow_product_log_likelihood_precision.py"]
    run_tests(library_of("product"), files, **WGMMA)
