"""Draws docs/vocabulary.svg from rows that `python -m benchmarks vocabulary` saved.

    python scripts/vocabulary_plot.py [benchmarks/results/….jsonl]

Cost of a document and peak memory against the size of the vocabulary, both axes logarithmic.
Without a file the newest of benchmarks/results is taken. Needs matplotlib (the extra `report`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import saved  # noqa: E402
from benchmarks.saved import OURS, Row  # noqa: E402

PICTURE = ROOT / "docs" / "vocabulary.svg"
OP = " vocabulary"


def curves(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of each model by growing vocabulary."""
    found: dict[str, list[Row]] = {}
    for row in sorted((r for r in rows if "words" in r), key=lambda r: r["words"]):
        model = row["op"].removesuffix(OP)
        ours = row["subject"] == OURS
        kind = {"ProdLDA": "product", "NVLDA": "mixture"}.get(model, "")
        name = f"{model}, ntm_fast ({kind})" if ours else f"{model}, {row['subject']}"
        found.setdefault(name, []).append(row)
    return found


def draw(rows: list[Row], path: Path) -> None:
    """Two panels, written to path."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "ntm_fast", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    found = curves(rows)
    panels: tuple[tuple[Any, str, float, str], ...] = (
        (axes[0], "document_seconds", 1e6, "µs a document"),
        (axes[1], "peak_bytes", 2**-30, "peak memory, GiB"),
    )
    for axis, figure_name, scale, label in panels:
        for name, many in found.items():
            words = [row["words"] for row in many]
            style = "o-" if OURS in name else "s--"
            axis.loglog(words, [row[figure_name] * scale for row in many], style, label=name)
        if figure_name == "document_seconds":  # what growth in proportion to V looks like
            first = next(iter(found.values()))
            low, high = first[0], first[-1]
            start = high[figure_name] * scale * low["words"] / high["words"]
            axis.loglog(
                [low["words"], high["words"]],
                [start, high[figure_name] * scale],
                ":",
                color="grey",
                label="proportional to V",
            )
        axis.set_xlabel("words in the vocabulary")
        axis.set_ylabel(label)
        axis.grid(which="both", alpha=0.25)
    axes[0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    figure.savefig(temporary, format="svg", metadata={"Date": None})
    temporary.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, default=saved.newest())
    parser.add_argument("--output", type=Path, default=PICTURE)
    given = parser.parse_args()
    if given.results is None:
        parser.error("benchmarks/results holds no file; python -m benchmarks writes one")
    try:
        rows = [row for row in saved.read(given.results).values() if row["op"].endswith(OP)]
    except ValueError as error:
        parser.error(str(error))
    if not curves(rows):
        parser.error(f"{given.results} has no rows of python -m benchmarks vocabulary")
    draw(rows, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
