"""The device that is measured: its name, its clock, its memory.

`python -m benchmarks --device` sets NTM_FAST_BENCHMARK_DEVICE, which processes that are started
inherit. Everything else asks here, and makes its tensors without naming a device: `use` has set
torch's default.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from benchmarks import processes

NAME = os.environ.get("NTM_FAST_BENCHMARK_DEVICE", "cpu")

Run = Callable[[], object]
S = TypeVar("S")


def is_cuda() -> bool:
    """Whether a GPU is measured."""
    return NAME == "cuda"


def use() -> None:
    """Make torch create tensors on the device; RuntimeError where it is missing."""
    if is_cuda():
        if not torch.cuda.is_available():
            raise RuntimeError("--device is cuda, but torch finds no GPU; expected cpu")
        torch.set_default_device("cuda")


def pick(cpu: S, cuda: S) -> S:
    """What belongs to the device, such as the shapes to measure."""
    return cuda if is_cuda() else cpu


def stopwatch(threads: int) -> Callable[[Run, int], float]:
    """A function that takes the seconds of n calls.

    On the CPU with one thread the clock is the process's CPU time, which other processes do not
    lengthen; with more it is the wall. On a GPU events take the time on its own clock, from the
    first call's start to the last one's end, what the host takes to launch included.
    """
    if is_cuda():
        return gpu_seconds
    clock = time.process_time if threads == 1 else time.perf_counter

    def host_seconds(run: Run, calls: int) -> float:
        begin = clock()
        for _ in range(calls):
            run()
        return clock() - begin

    return host_seconds


def gpu_seconds(run: Run, calls: int) -> float:
    """Seconds of n calls between two events of the current stream."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e-3


def peak_of(run: Run) -> int | None:
    """The most bytes that a call holds on a GPU beyond what was there; None on the CPU."""
    if not is_cuda():
        return None
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def peak_bytes() -> int:
    """The most memory that this process has held: of the GPU if one is measured."""
    return torch.cuda.max_memory_allocated() if is_cuda() else processes.peak_bytes()


def available_bytes() -> int:
    """Memory of the device that is free."""
    return int(torch.cuda.mem_get_info()[0]) if is_cuda() else processes.available_bytes()


def fits(n_bytes: float) -> bool:
    """Whether a peer that needs so many bytes is measured: on the CPU the shapes are chosen so."""
    return not is_cuda() or n_bytes < 0.8 * available_bytes()


def describe() -> dict[str, Any]:
    """Name, memory and driver of the GPU; nothing of the CPU."""
    if not is_cuda():
        return {}
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        driver = []
    return {
        "gpu": torch.cuda.get_device_name(),
        "gpu_bytes": torch.cuda.get_device_properties(0).total_memory,
        "driver": driver[0] if driver else "unknown",
        "cuda": torch.version.cuda,
    }


def profile(run: Run, calls: int = 5) -> str:
    """The kernels of some calls and what each takes, as a table."""
    activity = torch.profiler.ProfilerActivity
    kinds = [activity.CUDA] if is_cuda() else [activity.CPU]
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in range(calls):
            run()
        if is_cuda():
            torch.cuda.synchronize()
    order = "cuda_time_total" if is_cuda() else "cpu_time_total"
    return profiler.key_averages().table(sort_by=order, row_limit=16)
