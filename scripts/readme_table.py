"""Writes the measured table of README.md from rows that `python -m benchmarks` saved.

    python scripts/readme_table.py [benchmarks/results/….jsonl] [--check]

Without a file the newest of benchmarks/results is taken. With --check nothing is written, and the
exit code is 1 if README.md holds another table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import saved  # noqa: E402
from benchmarks.saved import OURS, Row  # noqa: E402
from benchmarks.table import seconds  # noqa: E402

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def op_lines(rows: list[Row]) -> list[str]:
    """One line an op and rival: one thread, and the shape on which ntm_fast takes longest."""
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        whole = row.get("passes") != "forward" and "documents_per_second" not in row
        if row["threads"] == 1 and "ratio" in row and whole:
            shapes = groups.setdefault((row["op"], row.get("dtype", "")), {})
            shapes.setdefault(row["shape"], []).append(row)
    lines = []
    for (op, dtype), shapes in groups.items():
        rivals = {s: many for s, many in shapes.items() if len(many) > 1}
        ours = {s: r for s, many in rivals.items() for r in many if r["subject"] == OURS}
        if not ours:
            continue
        shape = max(ours, key=lambda s: ours[s]["seconds"])
        floor = ours[shape].get("share_of_floor")
        for other in shapes[shape]:
            if other["subject"] != OURS:
                lines.append(
                    f"| `{op}` | {shape} | {dtype} | {seconds(ours[shape]['seconds'])}"
                    f" | {other['subject']} | {other['ratio']:.1f} x"
                    f" | {'' if floor is None else f'{floor:.0%}'} |"
                )
    return lines


def training_lines(rows: list[Row]) -> list[str]:
    """One line a model, corpus and number of threads."""
    lines = []
    for row in rows:
        if "documents_per_second" in row:
            rival = "ratio" in row and row["subject"] != OURS
            ratio = f"{row['ratio']:.1f} x as fast" if rival else ""
            memory = f"{row['peak_bytes'] / 2**20:,.0f} MiB" if "peak_bytes" in row else ""
            name = row["op"].removesuffix(" training")
            lines.append(
                f"| {name}, {row['subject']} | {row['shape']} | {row['threads']}"
                f" | {row['documents_per_second']:,.0f} | {ratio} | {memory} |"
            )
    return lines


def quality_lines(rows: list[Row]) -> list[str]:
    """One line a model: medians over the seeds."""
    return [
        f"| {row['op'].removesuffix(' quality')} | {row['shape']} | {row['npmi_10']:.3f}"
        f" | {row['diversity_25']:.2f} | {row['perplexity']:,.0f} | {row['train_seconds']:.0f} s |"
        for row in rows
        if row.get("subject") == "median"
    ]


def section(path: Path | None) -> str:
    """What stands between the two marks."""
    if path is None:
        return "No results are committed yet: `python -m benchmarks` prints and saves them."
    rows = list(saved.read(path).values())
    machine = rows[-1]["machine"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores ({machine['cpu_level']}), torch"
        f" {machine['torch']}, {machine['date']}; rows in `benchmarks/results/{path.name}`."
    ]
    ops = "op, with its backward, one thread | shape | dtype | ntm_fast | against | its time"
    tables = [
        (f"{ops} | share of the floor", op_lines(rows)),
        (
            "training | corpus | threads | documents/s | ntm_fast is | peak memory",
            training_lines(rows),
        ),
        (
            "model, median of three seeds | corpus | NPMI | diversity | perplexity | training",
            quality_lines(rows),
        ),
    ]
    for head, lines in tables:
        if lines:
            rule = "|" + " --- |" * (head.count("|") + 1)
            parts.append("\n".join([f"| {head} |", rule, *lines]))
    return "\n\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, default=saved.newest())
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    new = f"{before}{BEGIN}\n\n{section(given.results)}\n\n{END}{after}"
    if given.check:
        return int(new != text)
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
