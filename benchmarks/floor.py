"""The machine's own speed: what shares of the floor are shares of.

A floor is the least work that an op has to do, done by torch's own matrix product or by a stream
through memory of as many bytes. It is timed in turns with the op, so that both feel the same load.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks import device
from benchmarks.timing import compare

# Of the square matrices: large enough for the BLAS's best, small enough to be quick.
SIZE = device.pick(1024, 8192)
FLOATS = 1 << 25  # at most of each array of the triad: 128 MiB, far more than any cache


@dataclass(frozen=True)
class Floor:
    """The least work of an op: as much as `calls` calls of `run` do."""

    name: str
    run: Callable[[], object]
    calls: float


@functools.cache
def _matrices(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    a, b, c = (torch.randn(SIZE, SIZE).to(dtype) for _ in range(3))
    return a, b, c


@functools.cache
def _arrays() -> tuple[Tensor, Tensor, Tensor]:
    return torch.ones(FLOATS), torch.ones(FLOATS), torch.ones(FLOATS)


def products(flops: float, dtype: torch.dtype = torch.float32, precision: str = "highest") -> Floor:
    """So many flops in matrix products: torch's own of SIZE³, at full precision of the dtype.

    float32 on a GPU at "high" precision is TF32.
    """
    a, b, c = _matrices(dtype)

    def run() -> None:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(precision)
        torch.mm(a, b, out=c)
        torch.set_float32_matmul_precision(before)

    name = {torch.float32: "sgemm", torch.float64: "dgemm"}.get(dtype, f"{dtype} products")
    if precision != "highest":
        name = "TF32 products" if device.is_cuda() else f"{name}, {precision}"
    return Floor(name, run, flops / (2 * SIZE**3))


def arithmetic(operations: float, dtype: torch.dtype = torch.float64) -> Floor:
    """So many multiply-adds at the rate of torch's own matrix product.

    In double precision on the CPU, where the ops compute in it; on a GPU in that of their dtype.
    """
    floor = products(2 * operations, device.pick(torch.float64, dtype))
    return Floor("arithmetic", floor.run, floor.calls)


def memory(n_bytes: float) -> Floor:
    """So many bytes read or written: a = b + s·c (McCalpin's STREAM) over arrays of that size.

    Small arrays stay in the caches, as those of a small op do.
    """
    floats = max(1, min(FLOATS, int(n_bytes / 12)))
    a, b, c = (array[:floats] for array in _arrays())
    return Floor("memory", lambda: torch.add(b, c, alpha=0.5, out=a), n_bytes / (12 * floats))


def run(threads: int) -> list[dict[str, Any]]:
    """One row each: GFLOP/s of the matrix products, GB/s of the triad."""
    torch.set_num_threads(threads)
    flops, n_bytes = 2.0 * SIZE**3, 12.0 * FLOATS
    floors = [products(flops), products(flops, torch.float64), memory(n_bytes)]
    if device.is_cuda():
        floors += [products(flops, precision="high"), products(flops, torch.bfloat16)]
    timings = compare({floor.name: floor.run for floor in floors}, threads=threads)
    rows: list[dict[str, Any]] = []
    for floor, timing in zip(floors, timings.values(), strict=True):
        product = floor.name != "memory"
        row = {
            "op": floor.name if product else "triad",
            "subject": "torch",
            "shape": f"{SIZE}³" if product else f"{FLOATS >> 20}M",
            "dtype": {"dgemm": "float64", "torch.bfloat16 products": "bfloat16"}.get(
                floor.name, "float32"
            ),
            "threads": threads,
            "seconds": timing.seconds,
            "spread": timing.spread,
        }
        unit = "gflops_per_second" if product else "gigabytes_per_second"
        rows.append(row | {unit: (flops if product else n_bytes) / timing.seconds / 1e9})
    return rows
