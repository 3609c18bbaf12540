"""Rows of benchmarks: printed and saved as they come, read back, and shown as tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.harness import machine

RESULTS = Path(__file__).resolve().parents[1] / "results"
OURS = "ntm_fast"
# What was measured; the rest of a row is the outcome.
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
TEXT = ("op", "subject", "shape", "dtype", "floor", "alpha", "passes")
# Saved for the regression check or for readers of the file, and not shown.
HIDDEN = ("benchmark", "ratio_spread", "share_spread", "speedup_spread", "absent_peers")
WIDTHS = {"op": 16, "subject": 24, "shape": 28}  # at least, of columns of printed lines


class Output:
    """Takes rows as they come: each goes to a file and to the terminal at once.

    A run that is ended early, in any way, has printed and saved all rows until then.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.machine = machine.describe()
        self.path = path or RESULTS / machine.file_name(self.machine)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._widths: dict[str, int] = {}

    def describe(self) -> None:
        """Print the machine."""
        print("  ".join(f"{name} {value}" for name, value in self.machine.items()), flush=True)

    def title(self, text: str) -> None:
        """Begin a new list of rows."""
        self._widths = {}
        print(f"\n{text}", flush=True)

    def add(self, benchmark: str, row: Row) -> None:
        """Save and print one row."""
        line = json.dumps({"benchmark": benchmark, **row, "machine": self.machine})
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
        cells = {
            name: cell(name, value)
            for name, value in row.items()
            if name not in HIDDEN and not isinstance(value, list | dict)
        }
        if list(cells) != list(self._widths):
            self._widths = {name: max(len(name), WIDTHS.get(name, 8)) for name in cells}
            self._print({name: name.replace("_", " ") for name in cells})
        self._print(cells)

    def _print(self, cells: dict[str, str]) -> None:
        for name, text in cells.items():
            self._widths[name] = max(self._widths[name], len(text))
        padded = [
            text.ljust(self._widths[name]) if name in TEXT else text.rjust(self._widths[name])
            for name, text in cells.items()
        ]
        print("  ".join(padded).rstrip(), flush=True)


def console() -> Console:
    """The terminal; wide where the output goes to a file."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False)


def newest(gpu: bool = False) -> Path | None:
    """The file of benchmarks/results whose name ends in the latest date, of a CPU or of a GPU."""
    files = [path for path in RESULTS.glob("*.jsonl") if path.name.startswith("gpu-") == gpu]
    return max(files, key=lambda path: (path.stem[-10:], path.name), default=None)


def key(row: Row) -> Key:
    """What a row measured."""
    return tuple(row.get(name) for name in NAMES)


def read(path: Path) -> dict[Key, Row]:
    """The rows by what they measured, the last one where the same was measured twice.

    Raises ValueError naming the file, and the line if there is one, where the file is missing or
    empty, or a line is no row.
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


def seconds(value: float) -> str:
    """With the unit that suits: 1.23 ms."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def cell(name: str, value: Any) -> str:
    """One value, formatted by what its column holds."""
    if value is None:
        return ""
    if name.endswith("seconds"):
        return seconds(value)
    if name in ("ratio", "speedup"):
        return f"{value:.2f} x"
    if name in ("spread", "share_of_floor"):
        return f"{value:.0%}"
    if name.endswith("bytes"):
        return f"{value / 2**20:,.0f} MiB"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """The columns that any row has, in the order in which they first appear."""
    result = Table(title=title, title_justify="left", box=None, pad_edge=False)
    columns = [n for n in dict.fromkeys(name for row in rows for name in row) if n not in HIDDEN]
    for name in columns:
        result.add_column(name.replace("_", " "), justify="left" if name in TEXT else "right")
    for row in rows:
        result.add_row(*(cell(name, row.get(name)) for name in columns))
    return result
