"""Runs code once per instruction set that this machine has, each in a process of its own."""

import os
import subprocess
import sys

from ntm_fast import build_info

LEVELS = ["baseline", "avx2", "avx512"]


def machine_levels() -> list[str]:
    """The levels that are both compiled in and supported by this machine."""
    info = build_info()
    widest = LEVELS.index(info.widest_cpu_level or "baseline")
    return [level for level in LEVELS[: widest + 1] if level in info.compiled_cpu_levels]


def run_at_level(level: str, code: str, **environment: str) -> str:
    """Standard output of a fresh Python that runs ``code`` with NTM_FAST_CPU=level."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NTM_FAST_CPU": level, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
