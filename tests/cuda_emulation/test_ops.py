"""The tests of every op, with its CUDA kernels run by the emulator in place of the CPU's."""

import os
import subprocess
import sys

import pytest

from ntm_fast import ops
from tests.cuda_emulation.build import ROOT, build, sanitizer_environment

CSRC = ROOT / "csrc"
# Files beside those of the op's own name.
NOTES = ["device_errors_cuda.cpp", "cuda/device_errors.cu"]
SPARSE = [*NOTES, "cuda/csr.cu"]
ALSO = {
    "bow_linear": [*SPARSE, "cuda/word_sums.cu"],
    "bow_mixture_log_likelihood": [*SPARSE, "cuda/word_sums.cu"],
    "bow_product_log_likelihood": SPARSE,
    "bow_rows": NOTES,
    "log_gamma_rsample": ["cuda/gamma_implicit_gradient.cu"],
}
KERNELS = [op for op in ops.__all__ if (CSRC / f"{op}_cuda.cpp").exists()]
# What torch makes of an op does not depend on its kernels; statistics of draws follow from the
# draws' being those of the reference, and need many.
SKIPPED = ["contracts", "compile", "double_backward", "moments", "identities", "distribution"]
SKIPPED += ["law", "bias_falls", "independent", "noise_is_normal"]


@pytest.mark.parametrize("op", KERNELS)
def test_op(op: str) -> None:
    sources = [CSRC / f"{op}_cuda.cpp", *sorted((CSRC / "cuda").glob(f"{op}*.cu"))]
    library = build(op, [*sources, *(CSRC / name for name in ALSO.get(op, []))])
    files = sorted(ROOT.glob(f"tests/ops/test_{op}.py")) + sorted(
        ROOT.glob(f"tests/ops/test_{op}_*.py")
    )
    tests = [*map(str, files), "--hypothesis-profile=few"]
    tests += ["-k", " and ".join(f"not {name}" for name in SKIPPED)]
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
