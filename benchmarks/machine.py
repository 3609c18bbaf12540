"""Where and when a benchmark ran."""

from __future__ import annotations

import datetime
import os
import platform
import re
from pathlib import Path
from typing import Any

import ntm_fast
from benchmarks import device


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """What the rows of one run have in common."""
    info = ntm_fast.build_info()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        **device.describe(),
        "cpu": cpu_model(),
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
