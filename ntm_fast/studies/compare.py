"""Models side by side on one corpus: each trained in a process of its own, all measured alike."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from statistics import harmonic_mean
from typing import TYPE_CHECKING, Any

from ntm_fast.data import Corpus, Subset
from ntm_fast.data.corpus import split_rows
from ntm_fast.files import path_of, replacing_file

if TYPE_CHECKING:
    from ntm_fast.training import Epoch

Row = dict[str, Any]
REMARKS = frozenset({"diversity"})  # figures that stand, with a note
HELD_OUT = 0.1  # share of the documents that perplexity is measured on
COLUMNS = {  # of the printed table: name of the figure, its heading, its format
    "model": ("model", ""),
    "epochs": ("epochs", "d"),
    "seconds": ("seconds", ".1f"),
    "documents_per_second": ("docs/s", ",.0f"),
    "peak_megabytes": ("MB", ",.0f"),
    "npmi": ("NPMI", ".3f"),
    "c_v": ("C_v", ".3f"),
    "diversity": ("diversity", ".2f"),
    "perplexity": ("perplexity", ",.0f"),
    "perplexity_per_document": ("per doc", ",.0f"),
    "leading_topics": ("leading", "d"),
    "duplicates": ("twins", "d"),
}


def compare(
    corpus: Corpus,
    models: Sequence[str],
    *,
    n_topics: int = 50,
    epochs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    callback: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Train each model on the same documents for the same budget, and measure it.

    A tenth of the documents is held out, for the perplexities alone; coherence is that of the
    training documents. A model that cannot be trained has its error in the row's "failed".
    Each trains in a process of its own, so that a script has to call this under
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    corpus : Corpus
    models : names of estimators, such as "ProdLDA"
    n_topics : K
    epochs : passes of each model, at most; None is its recipe's number
    seconds : of training of each model, at most: it stops after the epoch in which they are over
    seed : of the split and of all runs
    threads : CPU threads, torch's choice for None
    callback : called with each row as it is done

    Returns
    -------
    list of dict
        Figures by name: "model", "epochs", "seconds" of training with its validation,
        "documents_per_second" trained on, "peak_megabytes" of the process, "npmi" and "c_v" of
        the top 10 words, "diversity" and "uniqueness" of the top 25, "redundancy" of the top 10,
        "perplexity" of held-out words, "perplexity_per_word" and "perplexity_per_document",
        "leading_topics" that are the largest of some document, "effective_topics", pairs of
        near-"duplicates". A figure that cannot be compared with other models', or cannot be had,
        is None; "notes" says why, by the figure's name, and what else has to be known of one.
    """
    train, _, test = split_rows(len(corpus), 0.0, HELD_OUT, seed)
    rows = []
    with tempfile.TemporaryDirectory(prefix="ntm_fast_compare.") as scratch:
        folders = str(Path(scratch, "train")), str(Path(scratch, "test"))
        for folder, documents in zip(folders, (train, test), strict=True):
            Subset(corpus, documents).save(folder)
        for model in models:
            task = (model, *folders, n_topics, epochs, seconds, seed, threads)
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, context) as process:  # new: its peak memory is its own
                rows.append(process.submit(_measure, *task).result())
            if callback is not None:
                callback(rows[-1])
    return rows


def _measure(
    name: str,
    train_folder: str,
    test_folder: str,
    n_topics: int,
    epochs: int | None,
    seconds: float | None,
    seed: int,
    threads: int | None,
) -> Row:
    """One row: what the process of a model does."""
    import torch

    from ntm_fast import estimator as estimators
    from ntm_fast.training import NotFiniteError

    if threads is not None:
        torch.set_num_threads(threads)
    train, test = Corpus.load(train_folder), Corpus.load(test_folder)
    model = getattr(estimators, name)(n_topics, epochs=epochs, random_state=seed)
    began = time.perf_counter()

    def over(epoch: Any) -> bool:
        return seconds is not None and time.perf_counter() - began >= seconds

    try:
        model.fit(train, callback=over)
    except NotFiniteError as error:
        return {"model": name, "failed": str(error)}
    spent = time.perf_counter() - began
    row: Row = {
        "model": name,
        "epochs": model.n_epochs_,
        "seconds": spent,
        "documents_per_second": trained_per_second(model.history_),
        "peak_megabytes": peak_megabytes(),
    }
    try:
        return {**row, **_figures(name, model, train, test)}
    except ValueError as error:  # such as NaN of weights that have all but diverged
        return {"model": name, "failed": f"trained, but not to be measured: {error}"}


def _figures(name: str, model: Any, train: Corpus, test: Corpus) -> Row:
    """What a fitted estimator is worth."""
    from ntm_fast import metrics

    row: Row = {}
    words = model.top_word_ids(min(25, train.n_words))
    many, ten = words.shape[1], min(10, words.shape[1])
    notes = _notes(name, model.model_, train.n_words, many)
    row["npmi"] = float(metrics.npmi(words, train, n=ten).mean()) if "npmi" not in notes else None
    row["c_v"] = float(metrics.c_v(words, train, n=ten).mean()) if "c_v" not in notes else None
    row["diversity"] = float(metrics.topic_diversity(words, many))
    row["uniqueness"] = float(metrics.topic_uniqueness(words, many).mean())
    row["redundancy"] = float(metrics.redundancy(words, ten).mean())
    row["perplexity"] = model.perplexity(test, kind="held_out_words")
    row["perplexity_per_word"] = model.perplexity(test, kind="per_word")
    row["perplexity_per_document"] = model.perplexity(test, kind="per_document")
    signs = metrics.collapse(model, train, n=ten)
    row["leading_topics"] = signs.n_topics - len(signs.never_dominant)
    row["effective_topics"] = signs.effective_topics
    row["duplicates"] = len(signs.duplicates)
    for figure in notes.keys() - REMARKS:
        row[figure] = None
    return {**row, "notes": notes} if notes else row


def _notes(name: str, model: Any, n_words: int, many: int) -> dict[str, str]:
    """Figures of a model that cannot be had or compared, and the reason; what `REMARKS` are of."""
    notes: dict[str, str] = {}
    if model.settings.decoder == "poisson":
        why = (
            f"{name}'s bound is that of Poisson counts, the documents' lengths included, the"
            " others' that of words given the lengths; perplexity of held-out words compares"
        )
        notes |= {"perplexity_per_word": why, "perplexity_per_document": why}
    if model.posterior.kind == "reals":
        why = f"{name}'s θ is any reals, not shares of topics"
        notes |= {"leading_topics": why, "effective_topics": why}
    if many < 2:
        notes |= dict.fromkeys(("npmi", "c_v"), "needs two words")
    elif find_spec("gensim") is None:
        notes["c_v"] = 'needs gensim, which is not installed: pip install "ntm_fast[interop]"'
    possible = n_words / (model.settings.n_topics * many)
    if possible < 1:
        notes["diversity"] = f"at most {possible:.2f} with {n_words} words for the top {many}"
    return notes


def trained_per_second(history: Sequence[Epoch]) -> float:
    """Documents of all epochs over the time of their steps; validation between them is left out."""
    return harmonic_mean([epoch.documents_per_second for epoch in history])


def peak_megabytes() -> float | None:
    """Largest resident size of this process so far; None where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = (line.split() for line in status.read_text().splitlines())
    return next((int(line[1]) / 1024 for line in lines if line and line[0] == "VmHWM:"), None)


def table(rows: Sequence[Row]) -> str:
    """The rows as text, a line each, in columns, and what they note of their figures.

    A figure that no row has gets no column.
    """
    known = {name for row in rows for name, value in row.items() if value is not None}
    shown = {name: how for name, how in COLUMNS.items() if name in known}
    cells = [[heading for heading, _ in shown.values()]]
    for row in rows:
        values = ((row.get(name), form) for name, (_, form) in shown.items())
        cells.append(["" if value is None else format(value, form) for value, form in values])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line, row in zip(cells, [{}, *rows], strict=True):
        first = line[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        failed = f"  {row['failed']}" if "failed" in row else "  " + "  ".join(rest)
        lines.append((first + failed).rstrip())
    said: dict[str, list[str]] = {}  # figures by what is noted of them
    for row in rows:
        for name, why in row.get("notes", {}).items():
            heading = COLUMNS.get(name, (name,))[0]
            headings = said.setdefault(why, [])
            if name in COLUMNS and heading not in headings:
                headings.append(heading)
    lines += [f"{', '.join(headings)}: {why}" for why, headings in said.items() if headings]
    return "\n".join(lines)


def check_ending(path: str | os.PathLike[str]) -> Path:
    """The path, or a ValueError unless it ends as `save` can write."""
    target = path_of(path)
    if target.suffix not in (".csv", ".json", ".jsonl"):
        raise ValueError(f"{target} ends in {target.suffix!r}; expected .csv, .json or .jsonl")
    return target


def save(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Write the rows to a .csv, .json or .jsonl file, whole or not at all."""
    target = check_ending(path)
    text = io.StringIO(newline="")
    if target.suffix == ".csv":
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        for row in rows:
            notes = "; ".join(f"{name}: {why}" for name, why in row.get("notes", {}).items())
            writer.writerow({**row, "notes": notes} if notes else row)
    elif target.suffix == ".json":
        text.write(json.dumps(list(rows), indent=1) + "\n")
    else:
        text.writelines(json.dumps(row) + "\n" for row in rows)
    with replacing_file(target) as partial:
        partial.write_text(text.getvalue(), encoding="utf-8", newline="")
