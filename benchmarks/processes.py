"""Measurements that need a process of their own, so that its peak memory is theirs alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def call(module: str, *arguments: object) -> dict[str, Any]:
    """`python -m module arguments`, whose last line of output is JSON; RuntimeError if it fails."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def peak_bytes() -> int:
    """Largest resident size of this process so far (ru_maxrss would count its parent's too)."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def available_bytes() -> int:
    """Memory that the system could give to a new process."""
    with open("/proc/meminfo") as lines:
        return next(
            int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")
        )
