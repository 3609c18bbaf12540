"""python -m benchmarks pages [--check]: makes the documentation's tables of saved rows.

They go between the marks of docs/measured.md, and three rows of them to README.md. They are made of
the newest file of benchmarks/results, and the newest gpu-….jsonl for a GPU. With --check nothing is
written, and the exit code is 1 if a file holds other tables. --picture draws docs/vocabulary.svg
too, from rows of `vocabulary` (needs matplotlib, the extra `report`): the cost of a document and
peak memory against the size of the vocabulary, both axes logarithmic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import results
from benchmarks.harness.results import OURS, Row, seconds
from benchmarks.studies.rivals import PEERS, SOURCE
from ntm_fast.metrics import RELEVANCE

ROOT = Path(__file__).resolve().parents[2]
README, MEASURED = ROOT / "README.md", ROOT / "docs" / "measured.md"
MARKS = {
    False: ("<!-- measured: begin -->", "<!-- measured: end -->"),
    True: ("<!-- measured on a GPU: begin -->", "<!-- measured on a GPU: end -->"),
}
NOTHING = {
    False: "No results are committed yet: `python -m benchmarks` prints and saves them.",
    True: "No results of a GPU are committed yet: `make gpu` makes them.",
}
QUALITY = {  # figures of topics: their column and form
    "npmi_10": ("NPMI, by relevance", ".3f"),
    "diversity_25": ("diversity, by relevance", ".2f"),
    "npmi_10_by_probability": ("NPMI, by probability", ".3f"),
    "diversity_25_by_probability": ("diversity, by probability", ".2f"),
    "c_v": ("C_v, by relevance", ".2f"),
    "c_v_by_probability": ("C_v, by probability", ".2f"),
    "perplexity": ("perplexity of held-out words", ",.0f"),
    "perplexity_per_document": ("perplexity per document", ",.0f"),
    "leading_topics": ("topics that lead a document", ".0f"),
    "cpu_seconds": ("CPU seconds", ".0f"),
}
NAMES = {"20ng_prodlda": "20 Newsgroups", "arxiv_100k": "arXiv abstracts"}  # in the README

Cells = dict[str, str]  # of a line, by column
Table = Callable[[list[Row]], list[Cells]]


def ops(rows: list[Row]) -> list[Cells]:
    """One line a rival in float32."""
    groups: dict[str, dict[str, dict[int, dict[str, Row]]]] = {}
    for row in rows:
        whole = row.get("passes") != "forward" and not row["op"].endswith(" training")
        if "ratio" in row and whole and row.get("dtype", "float32") == "float32":
            how = "with batch norm" if row.get("batch_norm") else None
            words = (row["shape"], *(row.get(n) for n in ("alpha", "precision", "layer")), how)
            shape = ", ".join(word for word in words if word)
            by_threads = groups.setdefault(row["op"], {}).setdefault(shape, {})
            by_threads.setdefault(row["threads"], {})[row["subject"]] = row
    lines = []
    for op, shapes in groups.items():
        runs = {shape: sorted(by_threads.items()) for shape, by_threads in shapes.items()}
        ours = {shape: found[0][1][OURS] for shape, found in runs.items() if OURS in found[0][1]}
        shown = sorted(ours, key=lambda shape: float(ours[shape]["seconds"]))
        for shape in shown:
            (_, one), *more = runs[shape]
            rivals = sorted((name for name in one if name != OURS), key=lambda n: one[n]["ratio"])
            for rival in rivals or [""]:
                line = {"op, with its backward": f"`{op}`", "shape": shape}
                line |= {"ntm_fast": seconds(one[OURS]["seconds"])}
                line |= {"floor": share(one[OURS]), "memory": mebibytes(one[OURS])}
                line |= {"against": rival, "its time": times(one.get(rival, {}))}
                line |= {"the rival's memory": mebibytes(one.get(rival, {}))}
                for threads, several in more[-1:]:
                    line[f"its time, {threads} threads"] = times(several.get(rival, {}))
                    line[f"floor, {threads} threads"] = share(several.get(OURS, {}))
                lines.append(line)
    return lines


def times(row: Row) -> str:
    return f"{row['ratio']:.1f} x" if "ratio" in row else ""


def share(row: Row) -> str:
    return f"{row['share_of_floor']:.0%}" if "share_of_floor" in row else ""


def mebibytes(row: Row) -> str:
    return f"{row['peak_bytes'] / 2**20:,.0f} MiB" if "peak_bytes" in row else ""


def training(rows: list[Row]) -> list[Cells]:
    """One line a model, corpus and number of threads."""
    found = [row for row in rows if row["op"].endswith(" training")]
    return [
        {
            "training": f"{row['op'].removesuffix(' training')}, {row['subject']}",
            "corpus": row["shape"],
            "threads": str(row["threads"]),
            "documents/s": f"{row['documents_per_second']:,.0f}",
            "plain dense ProdLDA's": f"{row['speedup']:.1f} x" if "speedup" in row else "",
            "peak memory": mebibytes(row),
        }
        for row in found
    ]


def inference(rows: list[Row]) -> list[Cells]:
    """One line a model, corpus and number of threads, beside an epoch of training on it."""
    return [
        {
            "inference": f"{row['op'].removesuffix(' inference')}, {row['subject']}",
            "corpus": row["shape"],
            "threads": str(row["threads"]),
            "time": seconds(row["seconds"]),
            "of an epoch": f"{row['over_epoch']:.2f} x",
        }
        for row in rows
        if row["op"].endswith(" inference")
    ]


def one_document(rows: list[Row]) -> list[Cells]:
    """One line a model and vocabulary: CPU time of one document, median and 99th percentile."""
    percentiles = {f"{p}th percentile": f"p{p}_seconds" for p in (50, 99)}
    return [
        {
            "one document": row["op"].removesuffix(" one document"),
            "model": row["shape"],
            **{f"model, {title}": seconds(row[f"model_{p}"]) for title, p in percentiles.items()},
            **{
                f"estimator, {title}": seconds(row[f"estimator_{p}"])
                for title, p in percentiles.items()
            },
        }
        for row in rows
        if row["op"].endswith(" one document")
    ]


def transform_memory(rows: list[Row]) -> list[Cells]:
    """One line a model: by how much the memory grew."""
    return [
        {
            "memory of a transform": row["op"].removesuffix(" memory of a transform"),
            "documents": row["shape"],
            "CPU time": seconds(row["seconds"]),
            "growth": f"{row['growth_bytes'] / 2**20:,.1f} MiB",
        }
        for row in rows
        if row["op"].endswith(" memory of a transform")
    ]


def quality(rows: list[Row]) -> list[Cells]:
    """One line a model, mean and spread over its seeds, then the other packages on its corpus."""
    means = [row for row in rows if row["op"].endswith(" quality") and row["subject"] == "mean"]
    lines = []
    for corpus in dict.fromkeys(row["shape"] for row in means):
        found = [row for row in means if row["shape"] == corpus]
        found += [peer.row() for peer in PEERS if corpus == f"{peer.corpus}, K=50"]
        for row in found:
            model = row["op"].removesuffix(" quality")
            line = {"model": model, "corpus": corpus}
            for name, (column, form) in QUALITY.items():
                line[column] = f"{row[name]:{form}}" if name in row else ""
                if row["seeds"] > 1 and f"{name}_spread" in row:
                    line[column] += f" ± {row[name + '_spread']:{form}}"
            seeds = "one seed" if row["seeds"] == 1 else f"{row['seeds']} seeds"
            passes = "sweeps" if model.startswith("tomotopy") else "epochs"
            line["measured"] = f"{seeds}, {row['epochs']} {passes}" if "epochs" in row else SOURCE
            if row.get("relevance", RELEVANCE) != RELEVANCE:
                line["measured"] += f", read by relevance {row['relevance']}"
            lines.append(line)
    return lines


def classical(rows: list[Row]) -> list[Cells]:
    """One line a system: medians over the seeds."""
    lines = []
    for row in rows:
        if row["op"] == "classical bar" and row.get("seed") == "median":
            line = {"against Gibbs sampling, median of three seeds": row["subject"]}
            line |= {"corpus": row["shape"], "threads": str(row["threads"])}
            for name, (column, form) in QUALITY.items():
                line[column] = f"{row[name]:{form}}" if name in row else ""
            lines.append({**line, "training": f"{row['train_seconds']:.0f} s"})
    return lines


def vocabulary(rows: list[Row]) -> list[Cells]:
    """One line a vocabulary and model."""
    return [
        {
            "words": f"{row['words']:,}",
            "model": f"{row['op'].removesuffix(' vocabulary')}, {row['subject']}",
            "a document": seconds(row["document_seconds"]),
            "peak memory": f"{row['peak_bytes'] / 2**30:.1f} GiB",
        }
        for row in sorted((r for r in rows if "words" in r), key=lambda r: int(r["words"]))
    ]


def summary(rows: list[Row]) -> list[Cells]:
    """ProdLDA beside plain PyTorch, on all threads: two corpora, and the largest vocabulary."""
    found = [row for row in rows if row["op"] in ("ProdLDA training", "ProdLDA vocabulary")]
    most = max((row["threads"] for row in found), default=0)
    pairs: dict[str, dict[str, Row]] = {}
    for row in found:
        if row["threads"] == most and row["subject"] in (OURS, "plain dense PyTorch"):
            pairs.setdefault(row["shape"], {})[row["subject"]] = row
    largest = max((int(row["words"]) for row in found if "words" in row), default=0)
    lines = []
    for shape, pair in pairs.items():
        if len(pair) < 2 or pair[OURS].get("words", largest) != largest:
            continue
        cells, rates = {}, {}
        for subject in ("plain dense PyTorch", OURS):
            row = pair[subject]
            rates[subject] = row.get("documents_per_second") or 1 / row["document_seconds"]
            memory = f", {row['peak_bytes'] / 2**30:.1f} GiB" if "words" in row else ""
            cells[subject] = f"{rates[subject]:,.0f} documents/s{memory}"
        speedup = pair[OURS].get("speedup", rates[OURS] / rates["plain dense PyTorch"])
        corpus = shape if ", V=" in shape else f"made-up documents, {shape}"
        for name, title in NAMES.items():
            corpus = corpus.replace(name, title)
        lines.append({"ProdLDA on": corpus, **cells, "speedup": f"{speedup:.1f} x"})
    return lines


TABLES: tuple[Table, ...] = (
    ops, training, inference, one_document, transform_memory, quality, classical, vocabulary,
)  # fmt: skip


def formed(lines: list[Cells]) -> str:
    """A table of the columns in which any line has something."""
    columns = [
        name
        for name in dict.fromkeys(name for line in lines for name in line)
        if any(line.get(name) for line in lines)
    ]
    text = [columns, ["---"] * len(columns)]
    text += [[line.get(name, "") for name in columns] for line in lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in text)


def section(path: Path | None, *, gpu: bool) -> str:
    """The machine and its tables."""
    if path is None:
        return NOTHING[gpu]
    rows = list(results.read(path).values())
    return "\n\n".join([machine(path, rows[-1], gpu=gpu), *filled(rows, TABLES)])


def machine(path: Path, row: Row, *, gpu: bool) -> str:
    """Where and when a file of rows was measured."""
    found: dict[str, Any] = row["machine"]
    if gpu:
        name = f"{found['gpu']}, driver {found['driver']}"
    else:
        name = f"{found['cpu']}, {found['cores']} cores ({found['cpu_level']})"
    where = f"{name}, torch {found['torch']}, {found['date']}"
    return f"{where}; rows in `benchmarks/results/{path.name}`."


def filled(rows: list[Row], tables: Iterable[Table]) -> list[str]:
    """The tables that these rows fill."""
    return [formed(lines) for table in tables if (lines := table(rows))]


def between(text: str, marks: tuple[str, str], *tables: str) -> str:
    """The text with these tables between the marks."""
    before, rest = text.split(marks[0])
    return "\n\n".join([before + marks[0], *tables, marks[1] + rest.split(marks[1])[1]])


def written() -> dict[Path, str]:
    """What the files should hold."""
    text = MEASURED.read_text(encoding="utf-8")
    for gpu, marks in MARKS.items():
        text = between(text, marks, section(results.newest(gpu=gpu), gpu=gpu))
    readme, newest = README.read_text(encoding="utf-8"), results.newest(gpu=False)
    if newest is not None:
        readme = between(
            readme, MARKS[False], *filled(list(results.read(newest).values()), [summary])
        )
    return {README: readme, MEASURED: text}


def differing(files: dict[Path, str]) -> Iterable[Path]:
    for path, text in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield path


DRAWING = ROOT / "docs" / "vocabulary.svg"


def curves(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of each model by growing vocabulary."""
    found: dict[str, list[Row]] = {}
    for row in sorted((r for r in rows if "words" in r), key=lambda r: r["words"]):
        model = row["op"].removesuffix(" vocabulary")
        ours = row["subject"] == OURS
        kind = {"ProdLDA": "product", "NVLDA": "mixture"}.get(model, "")
        name = f"{model}, ntm_fast ({kind})" if ours else f"{model}, {row['subject']}"
        found.setdefault(name, []).append(row)
    return found


def draw(rows: list[Row], path: Path) -> None:
    """Two panels of the rows of `vocabulary`, written to path."""
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
        if figure_name == "document_seconds":  # growth in proportion to V, to compare with
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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m benchmarks pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--picture", action="store_true")
    parser.add_argument("--rows", type=Path, default=results.newest(), help="of the picture")
    given = parser.parse_args(arguments)
    if given.picture:
        if given.rows is None:
            parser.error("benchmarks/results holds no file; python -m benchmarks writes one")
        try:
            rows = results.read(given.rows).values()
        except ValueError as error:
            parser.error(str(error))
        found = [row for row in rows if row["op"].endswith(" vocabulary")]
        if not curves(found):
            parser.error(f"{given.rows} has no rows of python -m benchmarks vocabulary")
        draw(found, DRAWING)
    files = written()
    stale = list(differing(files))
    if given.check:
        return int(bool(stale))
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
