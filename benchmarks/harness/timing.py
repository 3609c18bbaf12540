"""Timing that holds on shared machines: interleaved repeats, medians, ratios inside one run."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import device

QUICK = "NTM_FAST_BENCHMARK_QUICK" in os.environ  # only to see that a benchmark works
HASTY = QUICK and not device.is_cuda()  # so that less is measured too: a GPU has the time for it
PROFILE = "NTM_FAST_BENCHMARK_PROFILE" in os.environ  # list the kernels of our own


@dataclass(frozen=True)
class Timing:
    """Median seconds of one call, the spread (interquartile range / median), and every turn's."""

    seconds: float
    spread: float
    samples: tuple[float, ...] = ()

    def over(self, other: Timing) -> Timing:
        """How many times the other's: each turn's against the same turn's, and the median."""
        return summary([a / b for a, b in zip(self.samples, other.samples, strict=True)])


def compare(
    subjects: dict[str, Callable[[], object]],
    *,
    threads: int = 1,
    budget: float = 2.0,
    minimum: int = 5,
) -> dict[str, Timing]:
    """Time the subjects in turns, so that a busy moment of the machine hits them all alike.

    The clock is that of `device.stopwatch`. Each turn begins with a call that does not count: the
    subject then finds its caches and its memory as in a loop of its own, not as the one before it
    left them. ``budget`` is the seconds to spend on all of them together.
    """
    if QUICK:
        budget, minimum = device.pick((0.05, 1), (0.2, 5))
    seconds = device.stopwatch(threads)
    loops: dict[str, int] = {}
    for name, run in subjects.items():  # warm up, and choose loops long enough for the clock
        for _ in range(device.pick(1, 3)):
            run()
        loops[name] = max(1, int(0.005 / max(seconds(run, 1), 1e-6)))
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    started = time.perf_counter()
    while (
        min(map(len, samples.values())) < minimum or time.perf_counter() - started < budget
    ) and time.perf_counter() - started < 10 * budget:
        for name, run in subjects.items():
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
