"""Timing that holds on shared machines: interleaved repeats, medians, ratios inside one run."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

QUICK = "NTM_FAST_BENCHMARK_QUICK" in os.environ  # only to see that a benchmark works


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

    With one thread the clock is the process's CPU time, which other processes do not lengthen;
    with more it is the wall. Each turn begins with a call that does not count: the subject then
    finds its caches and its memory as in a loop of its own, not as the one before it left them.
    ``budget`` is the seconds to spend on all of them together.
    """
    if QUICK:
        budget, minimum = 0.05, 1
    clock = time.process_time if threads == 1 else time.perf_counter
    loops: dict[str, int] = {}
    for name, run in subjects.items():  # warm up, and choose loops long enough for the clock
        run()
        begin = clock()
        run()
        loops[name] = max(1, int(0.005 / max(clock() - begin, 1e-6)))
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    started = time.perf_counter()
    while (
        min(map(len, samples.values())) < minimum or time.perf_counter() - started < budget
    ) and time.perf_counter() - started < 10 * budget:
        for name, run in subjects.items():
            run()
            begin = clock()
            for _ in range(loops[name]):
                run()
            samples[name].append((clock() - begin) / loops[name])
    return {name: summary(values) for name, values in samples.items()}


def summary(values: list[float]) -> Timing:
    """The median and the spread of all turns."""
    median = statistics.median(values)
    if len(values) < 4:
        return Timing(median, 0.0, tuple(values))
    low, _, high = statistics.quantiles(values, n=4)
    return Timing(median, (high - low) / median, tuple(values))
