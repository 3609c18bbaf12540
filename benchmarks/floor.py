"""The machine's own speed, measured in this run: what shares of the floor are shares of."""

from __future__ import annotations

import functools
from typing import Any

import torch

from benchmarks.timing import Timing, compare

SIZE = 1536  # of the square matrices: large enough for the BLAS's best, small enough to be quick
FLOATS = 1 << 25  # of each array of the triad: 128 MiB, far more than any cache


@functools.cache
def sgemm(threads: int) -> Timing:
    """A float32 matrix product of SIZE³, by torch's own BLAS at full float32 precision."""
    torch.set_num_threads(threads)
    a, b, c = (torch.randn(SIZE, SIZE) for _ in range(3))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        return compare({"sgemm": lambda: torch.mm(a, b, out=c)}, threads=threads)["sgemm"]
    finally:
        torch.set_float32_matmul_precision(before)


@functools.cache
def triad(threads: int) -> Timing:
    """a = b + s·c over arrays far larger than the caches (McCalpin's STREAM)."""
    torch.set_num_threads(threads)
    a, b, c = (torch.ones(FLOATS) for _ in range(3))
    return compare({"triad": lambda: torch.add(b, c, alpha=0.5, out=a)}, threads=threads)["triad"]


def sgemm_rate(threads: int) -> float:
    """Flops per second of float32 matrix products."""
    return 2 * SIZE**3 / sgemm(threads).seconds


def bandwidth(threads: int) -> float:
    """Bytes per second that the triad reads and writes, without the write-allocate."""
    return 3 * 4 * FLOATS / triad(threads).seconds


def run(threads: int) -> list[dict[str, Any]]:
    """One row each: GFLOP/s of sgemm, GB/s of the triad."""
    rows: list[dict[str, Any]] = []
    for name, shape, timing, unit, rate in (
        ("sgemm", f"{SIZE}³", sgemm(threads), "gflops_per_second", sgemm_rate(threads)),
        ("triad", f"{FLOATS >> 20}M", triad(threads), "gigabytes_per_second", bandwidth(threads)),
    ):
        row = {"op": name, "subject": "torch", "shape": shape, "dtype": "float32"}
        row |= {"threads": threads, "seconds": timing.seconds, "spread": timing.spread}
        rows.append(row | {unit: rate / 1e9})
    return rows
