"""The files of an op's kernels."""

from pathlib import Path

CSRC = Path(__file__).resolve().parents[2] / "csrc"


def kernel_of(op: str) -> str:
    """The name of an op's files in csrc, csrc/cpu and csrc/cuda: its own, or of a family."""
    return "kl_rows" if op.startswith("kl_") else op


def cuda_sources(kernel: str) -> list[Path]:
    """The CUDA kernels of that name: one file, or all those of a folder."""
    return sorted((CSRC / "cuda").glob(f"{kernel}.cu")) + sorted(
        (CSRC / "cuda" / kernel).glob("*.cu")
    )
