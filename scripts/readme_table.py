"""Writes the measured tables of README.md from rows that `python -m benchmarks` saved.

    python scripts/readme_table.py [benchmarks/results/….jsonl] [--check]

Without a file the newest of benchmarks/results is taken, and the newest gpu-….jsonl for the table
of a GPU; a file that is given is one or the other. With --check nothing is written, and the
exit code is 1 if README.md holds another table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import saved  # noqa: E402
from benchmarks.peers import PEERS, SOURCE  # noqa: E402
from benchmarks.saved import OURS, Row  # noqa: E402
from benchmarks.table import seconds  # noqa: E402

PICTURE = ROOT / "docs" / "vocabulary.svg"  # of scripts/vocabulary_plot.py
QUALITY = {  # columns of the models' quality, and their form
    "npmi_10": ".3f",
    "diversity_25": ".2f",
    "npmi_10_by_probability": ".3f",
    "diversity_25_by_probability": ".2f",
    "c_v": ".2f",
    "c_v_by_probability": ".2f",
    "perplexity": ",.0f",
    "perplexity_per_document": ",.0f",
    "leading_topics": ".0f",
    "cpu_seconds": ".0f",
}
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
GPU_BEGIN, GPU_END = "<!-- measured on a GPU: begin -->", "<!-- measured on a GPU: end -->"
TRAINING = "training | corpus | threads | documents/s | plain dense ProdLDA's | peak memory"
VOCABULARY = "words | model | a document | peak memory"


def op_lines(rows: list[Row]) -> list[str]:
    """One line a rival in float32, on the shapes where one thread takes least and longest."""
    groups: dict[str, dict[str, dict[int, list[Row]]]] = {}
    for row in rows:
        whole = row.get("passes") != "forward" and not row["op"].endswith(" training")
        if "ratio" in row and whole and row.get("dtype", "float32") == "float32":
            shape = ", ".join(
                filter(None, (row["shape"], *(row.get(n) for n in ("alpha", "precision", "layer"))))
            )
            shapes = groups.setdefault(row["op"], {})
            shapes.setdefault(shape, {}).setdefault(row["threads"], []).append(row)
    lines = []
    for op, shapes in groups.items():
        ours = {
            shape: row["seconds"]
            for shape, by_threads in shapes.items()
            for row in by_threads.get(1, [])
            if row["subject"] == OURS and len(by_threads[1]) > 1
        }
        ends = sorted(ours, key=ours.__getitem__)
        for shape in dict.fromkeys(ends[:1] + ends[-1:]):
            one, *more = (by_name(many) for _, many in sorted(shapes[shape].items()))
            for rival in (name for name in one if name != OURS):
                lines.append(
                    f"| `{op}` | {shape} | {seconds(ours[shape])} | {rival} | "
                    + " | ".join(pair(rows, rival) for rows in (one, more[-1] if more else {}))
                    + " |"
                )
    return lines


def by_name(rows: list[Row]) -> dict[str, Row]:
    """Rows by their subject."""
    return {row["subject"]: row for row in rows}


def pair(rows: dict[str, Row], rival: str) -> str:
    """The rival's ratio and our share of the floor, as two cells."""
    ratio, share = rows.get(rival, {}).get("ratio"), rows.get(OURS, {}).get("share_of_floor")
    both = (
        "" if x is None else form.format(x) for form, x in (("{:.1f} x", ratio), ("{:.0%}", share))
    )
    return " | ".join(both)


def training_lines(rows: list[Row]) -> list[str]:
    """One line a model, corpus and number of threads."""
    lines = []
    for row in rows:
        if row["op"].endswith(" training"):
            ratio = f"{row['speedup']:.1f} x" if "speedup" in row else ""
            memory = f"{row['peak_bytes'] / 2**20:,.0f} MiB" if "peak_bytes" in row else ""
            name = row["op"].removesuffix(" training")
            lines.append(
                f"| {name}, {row['subject']} | {row['shape']} | {row['threads']}"
                f" | {row['documents_per_second']:,.0f} | {ratio} | {memory} |"
            )
    return lines


def quality_lines(rows: list[Row]) -> list[str]:
    """One line a model, mean and spread over the seeds, then the other packages' on its corpus."""
    means = [row for row in rows if row["op"].endswith(" quality") and row["subject"] == "mean"]
    lines = []
    for shape in dict.fromkeys(row["shape"] for row in means):
        for row in (row for row in means if row["shape"] == shape):
            seeds = "one seed" if row["seeds"] == 1 else f"{row['seeds']} seeds"
            passes = "sweeps" if row["op"].startswith("tomotopy") else "epochs"
            lines.append(quality_line(row, shape, f"{seeds}, {row['epochs']} {passes}"))
        peers = (peer for peer in PEERS if shape == f"{peer.corpus}, K=50")
        lines += [quality_line(peer.row(), shape, SOURCE) for peer in peers]
    return lines


def quality_line(row: Row, shape: str, measured: str) -> str:
    """One model's figures."""
    cells = [row["op"].removesuffix(" quality"), shape]
    for name, form in QUALITY.items():
        value = f"{row[name]:{form}}" if name in row else ""
        spread = row.get(f"{name}_spread") if row["seeds"] > 1 else None
        cells.append(value if spread is None else f"{value} ± {spread:{form}}")
    return f"| {' | '.join(cells)} | {measured} |"


def vocabulary_lines(rows: list[Row]) -> list[str]:
    """One line a vocabulary and model."""
    return [
        f"| {row['words']:,} | {row['op'].removesuffix(' vocabulary')}, {row['subject']}"
        f" | {seconds(row['document_seconds'])} | {row['peak_bytes'] / 2**30:.1f} GiB |"
        for row in sorted((r for r in rows if "words" in r), key=lambda r: int(r["words"]))
    ]


def classical_lines(rows: list[Row]) -> list[str]:
    """One line a system: medians over the seeds."""
    lines = []
    for row in rows:
        if row["op"] == "classical bar" and row.get("seed") == "median":
            pairs = [f"{row['npmi_10']:.3f} | {row['diversity_25']:.2f}"]
            likely = row.get("npmi_10_by_probability")  # else that is what the pair is
            likely = f"{likely:.3f} | {row['diversity_25_by_probability']:.2f}" if likely else None
            pairs = [*pairs, likely] if likely else [" | ", *pairs]
            lines.append(
                f"| {row['subject']} | {row['shape']} | {row['threads']} | {' | '.join(pairs)}"
                f" | {row['perplexity']:,.0f} | {row['train_seconds']:.0f} s |"
            )
    return lines


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
    ops = "op, with its backward | shape | ntm_fast, one thread | against | its time | floor"
    tables = [
        (f"{ops} | its time, {machine['cores']} threads | floor", op_lines(rows)),
        (TRAINING, training_lines(rows)),
        (
            "model | corpus | NPMI, by relevance | diversity, by relevance | NPMI, by probability"
            " | diversity, by probability | C_v, by relevance | C_v, by probability"
            " | perplexity of held-out words | perplexity per document"
            " | topics that lead a document | CPU seconds | measured",
            quality_lines(rows),
        ),
        (
            "against Gibbs sampling, median of three seeds | corpus | threads | NPMI, by relevance"
            " | diversity, by relevance | NPMI, by probability | diversity, by probability"
            " | perplexity | training",
            classical_lines(rows),
        ),
        (VOCABULARY, vocabulary_lines(rows)),
    ]
    if PICTURE.exists():
        place = PICTURE.relative_to(ROOT)
        parts.append(f"![Time and memory against the size of the vocabulary]({place})")
    parts += formed(tables)
    return "\n\n".join(parts)


def gpu_lines(rows: list[Row]) -> list[str]:
    """One line a rival: of the likelihoods on every shape, of others where ours takes longest."""
    groups: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        if "ratio" in row and row.get("passes") != "forward" and row.get("dtype") == "float32":
            how = "with batch norm" if row.get("batch_norm") else None
            words = (row["shape"], *(row.get(n) for n in ("alpha", "precision", "layer")), how)
            shape = ", ".join(word for word in words if word)
            groups.setdefault(row["op"], {}).setdefault(shape, {})[row["subject"]] = row
    lines = []
    for op, shapes in groups.items():
        shown = [shape for shape, found in shapes.items() if OURS in found]
        if not op.endswith("likelihood"):
            shown = sorted(shown, key=lambda shape: float(shapes[shape][OURS]["seconds"]))[-1:]
        for shape in shown:
            ours = shapes[shape].pop(OURS)
            for rival, row in shapes[shape].items() or [("", {})]:
                cells = [
                    f"`{op}`",
                    shape,
                    seconds(ours["seconds"]),
                    f"{ours['share_of_floor']:.0%}" if "share_of_floor" in ours else "",
                    mebibytes(ours),
                    rival,
                    f"{row['ratio']:.1f} x" if row else "",
                    mebibytes(row),
                ]
                lines.append(f"| {' | '.join(cells)} |")
    return lines


def mebibytes(row: Row) -> str:
    """Peak memory."""
    return f"{row['peak_bytes'] / 2**20:,.0f} MiB" if "peak_bytes" in row else ""


def gpu_section(path: Path | None) -> str:
    """What stands between the marks of the GPU."""
    if path is None:
        return "No results of a GPU are committed yet: `make gpu` makes them."
    rows = list(saved.read(path).values())
    machine = rows[-1]["machine"]
    parts = [
        f"{machine['gpu']}, driver {machine['driver']}, torch {machine['torch']},"
        f" {machine['date']}; rows in `benchmarks/results/{path.name}`."
    ]
    tables = [
        (
            "op, with its backward | shape | ntm_fast | floor | its memory | against | its time"
            " | its memory",
            gpu_lines(rows),
        ),
        (TRAINING, training_lines(rows)),
        (VOCABULARY, vocabulary_lines(rows)),
    ]
    return "\n\n".join([*parts, *formed(tables)])


def formed(tables: list[tuple[str, list[str]]]) -> list[str]:
    """Those of the tables that have lines, each below its head."""
    return [
        "\n".join([f"| {head} |", "|" + " --- |" * (head.count("|") + 1), *lines])
        for head, lines in tables
        if lines
    ]


def replaced(text: str, begin: str, end: str, new: str) -> str:
    """The text with something else between two marks."""
    before, rest = text.split(begin)
    return f"{before}{begin}\n\n{new}\n\n{end}{rest.split(end)[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    new = text
    of_gpu = given.results is not None and given.results.name.startswith("gpu-")
    if not of_gpu:
        new = replaced(new, BEGIN, END, section(given.results or saved.newest()))
    if of_gpu or given.results is None:
        path = given.results or saved.newest(gpu=True)
        new = replaced(new, GPU_BEGIN, GPU_END, gpu_section(path))
    if given.check:
        return int(new != text)
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
