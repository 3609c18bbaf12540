"""Reading back the rows that `python -m benchmarks` saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
OURS = "ntm_fast"
# What was measured; the rest of a row is what came out.
NAMES = (
    "op",
    "subject",
    "shape",
    "dtype",
    "threads",
    "passes",
    "alpha",
    "precision",
    "batch_norm",
    "layer",
    "seed",
)
Row = dict[str, Any]
Key = tuple[Any, ...]


def newest(gpu: bool = False) -> Path | None:
    """The file of benchmarks/results whose name ends in the latest date, of a CPU or of a GPU."""
    files = [path for path in RESULTS.glob("*.jsonl") if path.name.startswith("gpu-") == gpu]
    return max(files, key=lambda path: (path.stem[-10:], path.name), default=None)


def key(row: Row) -> Key:
    """What a row measured."""
    return tuple(row.get(name) for name in NAMES)


def read(path: Path) -> dict[Key, Row]:
    """The rows by what they measured, the last one where the same was measured twice.

    Raises ValueError naming the file, and the line where there is one, if it is missing, empty, or
    holds a line that is no row.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise ValueError(f"{path} cannot be read: {reason}") from None
    rows: dict[Key, Row] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            row = _row(line, f"{path}, line {number}")
            rows[key(row)] = row
    if not rows:
        raise ValueError(f"{path} holds no rows; expected the output of python -m benchmarks")
    return rows


def _row(line: str, where: str) -> Row:
    """One line, checked as far as its readers rely on it."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where} is damaged: {error}; expected a JSON object") from None
    if not isinstance(row, dict):
        raise ValueError(f"{where} holds a {type(row).__name__}; expected a JSON object")
    for name, kind in (("op", str), ("subject", str), ("threads", int), ("machine", dict)):
        if not isinstance(row.get(name), kind):
            raise ValueError(f"{where}: {name} is {row.get(name)!r}; expected {kind.__name__}")
    for name in NAMES:
        if isinstance(row.get(name), list | dict):
            raise ValueError(f"{where}: {name} is {row[name]!r}; expected a name or a number")
    figures = ("seconds", "spread", "ratio", "ratio_spread", "share_of_floor", "share_spread")
    figures += ("peak_bytes",)
    for name in (name for name in figures if row.get(name) is not None):
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e300:
            raise ValueError(f"{where}: {name} is {value!r}; expected a finite number >= 0")
    return row
