"""Rows of a benchmark as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

TEXT = ("op", "subject", "shape", "dtype", "floor", "alpha", "passes")
# Saved, for the regression check or to be read there.
HIDDEN = ("ratio_spread", "share_spread", "speedup_spread", "absent_peers")


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
