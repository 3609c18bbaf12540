"""python -m benchmarks.regression OLD.jsonl NEW.jsonl: finds rows that became slower.

Row by row, and never by seconds, which depend on the machine's other load: a rival's row compares
ntm_fast's speed as a multiple of that rival's in the same run, a row of ntm_fast itself its share
of the floor measured in the same run, a row with peak memory that memory. A row counts as slower
(or larger) if it changed by more than the tolerance and by more than the spread of its times. The
exit code is 1 if any row did, 2 if a file cannot be read or none of its rows are in the other.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from benchmarks.harness import results
from benchmarks.harness.results import NAMES, OURS, Key, Row, cell, table


class Change(NamedTuple):
    """One figure in both files; `factor` > 1 is worse."""

    key: Key
    figure: str
    old: float
    new: float
    factor: float
    noise: float  # by how much the factor would leave 1 if nothing had changed

    def verdict(self, tolerance: float) -> str:
        """worse, better, or empty if it is within the tolerance or the noise."""
        allowed = 1 + max(tolerance, self.noise)
        if self.factor > allowed:
            return "worse"
        return "better" if self.factor < 1 / allowed else ""


def changes(old: dict[Key, Row], new: dict[Key, Row]) -> Iterator[Change]:
    """Every figure that both files hold for the same thing measured."""
    for key in [key for key in new if key in old]:
        pair = old[key], new[key]
        ours = key[NAMES.index("subject")] == OURS
        for name, higher_is_better in (
            ("ratio", True),
            ("speedup", True),
            ("share_of_floor", True),
            ("peak_bytes", False),
        ):
            if name == ("ratio" if ours else "share_of_floor"):
                continue  # our own ratio is 1, a rival's share of the floor does not matter
            a, b = (row.get(name) for row in pair)
            if not a or not b:
                continue
            spread = name.split("_")[0] + "_spread"
            noise = math.hypot(*(row.get(spread) or 0.0 for row in pair))
            yield Change(key, name, a, b, a / b if higher_is_better else b / a, noise)


def listing(found: list[tuple[str, Change]]) -> Table:
    """The changes as a table, the worst first."""
    rows = [
        {
            **{n: v for n, v in zip(NAMES, change.key, strict=True) if v is not None},
            "figure": change.figure,
            "old": cell(change.figure, change.old),
            "new": cell(change.figure, change.new),
            "change": f"{change.factor:.2f} x {verdict}",
            "noise": f"{change.noise:.0%}",
        }
        for verdict, change in sorted(found, key=lambda pair: -pair[1].factor)
    ]
    return table("", rows)


def tolerance(text: str) -> float:
    """A share such as 0.1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a share >= 0 such as 0.1")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.regression", description=__doc__)
    parser.add_argument("old", type=Path, help="a file of benchmarks/results")
    parser.add_argument("new", type=Path)
    parser.add_argument(
        "--tolerance", type=tolerance, default=0.1, help="changes up to this share pass (0.1)"
    )
    given = parser.parse_args(arguments)
    try:
        old, new = results.read(given.old), results.read(given.new)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    every = list(changes(old, new))
    if not every:
        print(f"error: no row of {given.new} is in {given.old} too", file=sys.stderr)
        return 2
    machines = [next(reversed(rows.values()))["machine"] for rows in (old, new)]
    for name in ("cpu", "cores", "cpu_level", "torch"):
        before, after = (machine.get(name) for machine in machines)
        if before != after:  # ratios still say something, but less
            print(f"note: {name} was {before}, now {after}")
    verdicts = [(change.verdict(given.tolerance), change) for change in every]
    found = [pair for pair in verdicts if pair[0]]
    if found:
        results.console().print(listing(found))
    worse = sum(verdict == "worse" for verdict, _ in found)
    print(
        f"{len(every)} figures of both files compared: {worse} worse, {len(found) - worse} better"
        f" beyond {given.tolerance:.0%} and the noise; rows in one file alone:"
        f" {len(old.keys() - new.keys())} old, {len(new.keys() - old.keys())} new"
    )
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
