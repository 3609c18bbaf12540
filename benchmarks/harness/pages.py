"""python -m benchmarks pages [--check]: makes the documentation's tables of saved rows.

They go to docs/measured.md, and an extract to the README where it has marks for one. They are made
of the newest file of benchmarks/results, and the newest gpu-….jsonl for a GPU. With --check nothing
is written, and the exit code is 1 if a file holds other tables. --picture draws docs/vocabulary.svg
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
from benchmarks.harness.inputs import SIZES
from benchmarks.harness.results import OURS, Row, seconds
from benchmarks.studies.rivals import PEERS, SOURCE
from ntm_fast.metrics import RELEVANCE

ROOT = Path(__file__).resolve().parents[2]
README, MEASURED = ROOT / "README.md", ROOT / "docs" / "measured.md"
PICTURE = ROOT / "docs" / "vocabulary.svg"  # of scripts/vocabulary_plot.py
MARKS = {
    False: ("<!-- measured: begin -->", "<!-- measured: end -->"),
    True: ("<!-- measured on a GPU: begin -->", "<!-- measured on a GPU: end -->"),
}
NOTHING = {
    False: "No results are committed yet: `python -m benchmarks` prints and saves them.",
    True: "No results of a GPU are committed yet: `make gpu` makes them.",
}
HEAD = """# Measured

Made by `python scripts/readme_table.py`; the README says how the figures were taken. Times are of
an op with its backward, on one thread unless the column says otherwise. "Its time" is the rival's
over that of ntm_fast, taken in turns; the floor is the least work of the op, done by the machine's
own matrix product or as traffic through its memory.
"""
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
LESS_NEEDED = {"c_v", "c_v_by_probability", "perplexity_per_document", "leading_topics"}
MAIN_PEERS = {"tomotopy LDA", "OCTIS ProdLDA", "gensim LdaMulticore"}

Cells = dict[str, str]  # of a line, by column


def ops(rows: list[Row], short: bool) -> list[Cells]:
    """One line a rival in float32; in short the quickest one on the shape that takes longest."""
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
        for shape in shown[-1:] if short else shown:
            (_, one), *more = runs[shape]
            rivals = sorted((name for name in one if name != OURS), key=lambda n: one[n]["ratio"])
            for rival in rivals[:1] if short else rivals or [""]:
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


def training(rows: list[Row], short: bool) -> list[Cells]:
    """One line a model, corpus and number of threads; in short those in turns on all threads."""
    found = [row for row in rows if row["op"].endswith(" training")]
    if short:
        found = [row for row in found if {"ratio", "speedup"} & row.keys()]
        most = max((row["threads"] for row in found), default=0)
        found = [row for row in found if row["threads"] == most]
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


def inference(rows: list[Row], short: bool) -> list[Cells]:
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
        if row["op"].endswith(" inference") and not short
    ]


def one_document(rows: list[Row], short: bool) -> list[Cells]:
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
        if row["op"].endswith(" one document") and not short
    ]


def transform_memory(rows: list[Row], short: bool) -> list[Cells]:
    """One line a model: by how much the memory grew."""
    return [
        {
            "memory of a transform": row["op"].removesuffix(" memory of a transform"),
            "documents": row["shape"],
            "CPU time": seconds(row["seconds"]),
            "growth": f"{row['growth_bytes'] / 2**20:,.1f} MiB",
        }
        for row in rows
        if row["op"].endswith(" memory of a transform") and not short
    ]


def quality(rows: list[Row], short: bool) -> list[Cells]:
    """One line a model, mean and spread over its seeds, then the other packages on its corpus.

    In short the corpora that are measured by default alone.
    """
    means = [row for row in rows if row["op"].endswith(" quality") and row["subject"] == "mean"]
    lines = []
    for corpus in dict.fromkeys(row["shape"] for row in means):
        if short and corpus.split(",")[0] not in SIZES:
            continue
        found = [row for row in means if row["shape"] == corpus]
        found += [peer.row() for peer in PEERS if corpus == f"{peer.corpus}, K=50"]
        for row in found:
            model = row["op"].removesuffix(" quality")
            if short and "," in model and model.split(",")[0] not in MAIN_PEERS:
                continue
            line = {"model": model, "corpus": corpus}
            for name, (column, form) in QUALITY.items():
                if short and name in LESS_NEEDED:
                    continue
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


def classical(rows: list[Row], short: bool) -> list[Cells]:
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


def vocabulary(rows: list[Row], short: bool) -> list[Cells]:
    """One line a vocabulary and model; in short the picture says it."""
    return [
        {
            "words": f"{row['words']:,}",
            "model": f"{row['op'].removesuffix(' vocabulary')}, {row['subject']}",
            "a document": seconds(row["document_seconds"]),
            "peak memory": f"{row['peak_bytes'] / 2**30:.1f} GiB",
        }
        for row in sorted((r for r in rows if "words" in r), key=lambda r: int(r["words"]))
        if not short
    ]


TABLES: tuple[Callable[[list[Row], bool], list[Cells]], ...] = (
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


def section(path: Path | None, *, gpu: bool, short: bool) -> str:
    """The machine and its tables."""
    if path is None:
        return NOTHING[gpu]
    rows = list(results.read(path).values())
    machine: dict[str, Any] = rows[-1]["machine"]
    if gpu:
        what = f"{machine['gpu']}, driver {machine['driver']}"
    else:
        what = f"{machine['cpu']}, {machine['cores']} cores ({machine['cpu_level']})"
    parts = [
        f"{what}, torch {machine['torch']}, {machine['date']}; rows in"
        f" `benchmarks/results/{path.name}`."
    ]
    if not gpu and PICTURE.exists():
        place = PICTURE.relative_to((README if short else MEASURED).parent)
        parts.append(f"![Time and memory against the size of the vocabulary]({place})")
    parts += [formed(lines) for table in TABLES if (lines := table(rows, short))]
    return "\n\n".join(parts)


def written() -> dict[Path, str]:
    """What the files should hold."""
    paths = {gpu: results.newest(gpu=gpu) for gpu in MARKS}
    readme = README.read_text(encoding="utf-8")
    for gpu, (begin, end) in MARKS.items():
        before, rest = readme.split(begin)
        new = section(paths[gpu], gpu=gpu, short=True)
        readme = f"{before}{begin}\n\n{new}\n\n{end}{rest.split(end)[1]}"
    parts = [HEAD]
    for gpu, title in ((False, "## On a CPU"), (True, "## On a GPU")):
        parts += [title, section(paths[gpu], gpu=gpu, short=False)]
    return {README: readme, MEASURED: "\n\n".join(map(str.strip, parts)) + "\n"}


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
