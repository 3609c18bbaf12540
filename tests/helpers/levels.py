"""Runs code once per instruction set that this machine has, each in a process of its own."""

import os
import subprocess
import sys

from ntm_fast import build_info

LEVELS = ["baseline", "avx2", "avx512"]  # for which every kernel is compiled
BF16_LEVELS = ["avx512_bf16", "amx"]  # wider still, for products of bfloat16 matrices alone
ALL_LEVELS = [*LEVELS, *BF16_LEVELS]


def supported(levels: list[str]) -> list[str]:
    """Those of ``levels`` that are both compiled in and supported by this machine."""
    info = build_info()
    widest = ALL_LEVELS.index(info.widest_cpu_level or "baseline")
    machine = ALL_LEVELS[: widest + 1]
    return [level for level in levels if level in machine and level in info.compiled_cpu_levels]


def machine_levels() -> list[str]:
    """The levels of this machine for which every kernel is compiled."""
    return supported(LEVELS)


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
