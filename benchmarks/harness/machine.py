"""The machine that is measured: its device, clock, memory, processes and description.

`python -m benchmarks --device` sets NTM_FAST_BENCHMARK_DEVICE, which child processes inherit.
Everything else asks here, and makes its tensors without naming a device: `use` has set torch's
default.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch

import ntm_fast

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
    """The most bytes that a call holds on a GPU beyond those held before; None on the CPU."""
    if not is_cuda():
        return None
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def peak_growth(run: Run) -> int:
    """The bytes by which this process's resident memory peaks in a call above its size before.

    What is loaded on first use counts too: call `run` once on a small problem beforehand.
    """
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget the peak so far
    before = _kibibytes("/proc/self/status", "VmRSS")
    run()
    return (_kibibytes("/proc/self/status", "VmHWM") - before) * 1024


def peak_bytes() -> int:
    """The most memory that this process has held: the GPU's if one is measured.

    On the CPU its largest resident size (ru_maxrss would count its parent's too).
    """
    if is_cuda():
        return torch.cuda.max_memory_allocated()
    return _kibibytes("/proc/self/status", "VmHWM") * 1024


def available_bytes() -> int:
    """Free memory of the device."""
    if is_cuda():
        return int(torch.cuda.mem_get_info()[0])
    return _kibibytes("/proc/meminfo", "MemAvailable") * 1024


def _kibibytes(path: str, name: str) -> int:
    """An entry of a file of /proc, in KiB."""
    with open(path) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def fits(n_bytes: float) -> bool:
    """Whether a peer that needs n_bytes is measured: on the CPU the shapes are chosen to fit."""
    return not is_cuda() or n_bytes < 0.8 * available_bytes()


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


def in_a_process(module: str, *arguments: object) -> dict[str, Any]:
    """What `python -m module arguments` prints as JSON on its last line.

    A process of its own has its peak memory to itself. Raises RuntimeError if it fails.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def gpu() -> dict[str, Any]:
    """Name, memory and driver of the GPU that is measured, if one is."""
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


def describe() -> dict[str, Any]:
    """The description that all rows of one run share."""
    info = ntm_fast.build_info()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        **gpu(),
        "cpu": info.cpu,
        "cores": len(os.sched_getaffinity(0)),
        "cpu_level": info.cpu_level,
        "ntm_fast": info.version,
        "torch": info.torch,
        "python": info.python,
    }


def file_name(machine: dict[str, Any]) -> str:
    """Such as amd-epyc-2-cores-2026-11-22.jsonl, or gpu-nvidia-h100-2026-11-22.jsonl."""

    def plain(text: object) -> str:
        return re.sub(r"[^a-z0-9]+", "-", str(text).lower()).strip("-")

    if "gpu" in machine:
        return f"gpu-{plain(machine['gpu'])}-{machine['date']}.jsonl"
    return f"{plain(machine['cpu'])}-{machine['cores']}-cores-{machine['date']}.jsonl"
