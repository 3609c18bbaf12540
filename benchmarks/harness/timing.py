"""Timing that holds on shared machines: alternated turns, medians, ratios within one run.

A floor is the least work that an op has to do, done by torch's own matrix product or by a stream of
the same number of bytes through memory. It is timed in alternation with the op, so that both feel
the same load.
"""

from __future__ import annotations

import functools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness import machine

QUICK = "NTM_FAST_BENCHMARK_QUICK" in os.environ  # only to see that a benchmark works
HASTY = QUICK and not machine.is_cuda()  # so that less is measured too: a GPU has the time for it
PROFILE = "NTM_FAST_BENCHMARK_PROFILE" in os.environ  # list the kernels of our own
ONCE = 5.0  # seconds: a rival whose call takes longer is measured by that call alone
# Size of the floor's square matrices: large enough for the BLAS's best, small enough to be quick.
SIZE = machine.pick(1024, 8192)
FLOATS = 1 << 25  # at most of each array of the triad: 128 MiB, far more than any cache


@dataclass(frozen=True)
class Timing:
    """Median seconds of one call, the spread (interquartile range / median), and every turn's."""

    seconds: float
    spread: float
    samples: tuple[float, ...] = ()

    def over(self, other: Timing) -> Timing:
        """How many times the other's: each turn's against the same turn's, and the median.

        The one call of a subject that was measured once is set against every turn of the other.
        """
        mine, others = self.samples, other.samples
        turns = max(len(mine), len(others))
        if len(mine) == 1:
            mine *= turns
        if len(others) == 1:
            others *= turns
        return summary([a / b for a, b in zip(mine, others, strict=True)])


def compare(
    subjects: dict[str, Callable[[], object]],
    *,
    threads: int = 1,
    budget: float = 2.0,
    minimum: int = 5,
    once: float = ONCE,
) -> dict[str, Timing]:
    """Time the subjects in alternation, so that a busy moment of the machine hits all of them.

    The clock is that of `machine.stopwatch`. Each turn begins with a call that does not count: the
    subject then finds its caches and its memory as in a loop of its own, not as the one before it
    left them. ``budget`` is the seconds to spend on all of them together. A subject other than the
    first (ours) whose first call takes more than ``once`` seconds is not called again: eager
    bfloat16 on a CPU without instructions for it takes 10 s.
    """
    if QUICK:
        budget, minimum = machine.pick((0.05, 1), (0.2, 5))
    seconds = machine.stopwatch(threads)
    ours = next(iter(subjects))
    samples: dict[str, list[float]] = {}
    loops: dict[str, int] = {}
    for name, run in subjects.items():  # warm up, and choose loops long enough for the clock
        first = seconds(run, 1)
        if first > once and name != ours:
            samples[name] = [first]
            continue
        for _ in range(machine.pick(0, 2)):
            run()
        samples[name] = []
        loops[name] = max(1, int(0.005 / max(seconds(run, 1), 1e-6)))
    started = time.perf_counter()
    while (
        min(len(samples[name]) for name in loops) < minimum
        or time.perf_counter() - started < budget
    ) and time.perf_counter() - started < 10 * budget:
        for name in loops:
            run = subjects[name]
            run()
            samples[name].append(seconds(run, loops[name]) / loops[name])
    return {name: summary(values) for name, values in samples.items()}


def summary(values: list[float]) -> Timing:
    """The median and the spread of all turns."""
    median = statistics.median(values)
    if len(values) < 4:
        return Timing(median, 0.0, tuple(values))
    low, _, high = statistics.quantiles(values, n=4)
    return Timing(median, (high - low) / median, tuple(values))


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
    """This number of flops in torch's matrix products of SIZE³, at full precision of the dtype.

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
        name = "TF32 products" if machine.is_cuda() else f"{name}, {precision}"
    return Floor(name, run, flops / (2 * SIZE**3))


def arithmetic(operations: float, dtype: torch.dtype = torch.float64) -> Floor:
    """This number of multiply-adds at the rate of torch's own matrix product.

    In double precision on the CPU, where the ops compute in it; on a GPU in that of their dtype.
    """
    floor = products(2 * operations, machine.pick(torch.float64, dtype))
    return Floor("arithmetic", floor.run, floor.calls)


def memory(n_bytes: float) -> Floor:
    """This number of bytes read or written: a = b + s·c (McCalpin's STREAM) over such arrays.

    Small arrays stay in the caches, as those of a small op do.
    """
    floats = max(1, min(FLOATS, int(n_bytes / 12)))
    a, b, c = (array[:floats] for array in _arrays())
    return Floor("memory", lambda: torch.add(b, c, alpha=0.5, out=a), n_bytes / (12 * floats))


def run(threads: int) -> Iterator[dict[str, Any]]:
    """The machine's own speed: GFLOP/s of the matrix products, GB/s of the triad."""
    torch.set_num_threads(threads)
    flops, n_bytes = 2.0 * SIZE**3, 12.0 * FLOATS
    floors = [products(flops), products(flops, torch.float64), memory(n_bytes)]
    if machine.is_cuda():
        floors += [products(flops, precision="high"), products(flops, torch.bfloat16)]
    timings = compare({floor.name: floor.run for floor in floors}, threads=threads)
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
        yield row | {unit: (flops if product else n_bytes) / timing.seconds / 1e9}
