"""python -m benchmarks quality [model …]: coherence, diversity and perplexity of each model.

    python -m benchmarks quality                                    # all of RUNS: hours
    python -m benchmarks quality --corpus 20ng_prodlda LDAVAE       # part of them
    python -m benchmarks quality --corpus arxiv_100k --topics 200 --seeds 0 --epochs 10 LDAVAE
    python -m benchmarks quality --corpus octis/BBC_News --seeds 0  # any folder of OCTIS's, or with
                                                                    # train.npz, test.npz, vocab.txt

Each model learns from the training documents with its recipe's defaults, or with what OPTIONS and
SETTINGS say, once a seed, and is measured by ntm_fast.metrics: NPMI of the top 10 words from
document co-occurrence in the training documents, C_v where gensim is installed, the share of
distinct words among the top 25, topics that lead a document, and perplexities of the test
documents. Top words are read in both ways: by relevance, and by probability alone. tomotopy's
topics, where it is installed, are measured and read in the same way; other packages' figures are
those of `benchmarks.studies.rivals`. The last row of a model holds the mean over the seeds, and the
standard deviation. Nothing is chosen on the test documents: --validation trains on nine tenths of
the training documents and takes the rest for perplexity, as recipes were chosen. Rows are appended
to benchmarks/results as they are made; what is there already is not measured again, so that a run
that was stopped goes on.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.harness import inputs, machine, results
from benchmarks.harness.timing import QUICK
from benchmarks.studies.rivals import PEERS, GibbsLDA
from ntm_fast.data import Corpus
from ntm_fast.metrics import RELEVANCE

N_TOPICS = 50
GIBBS = "tomotopy LDA"
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {  # models with other settings than their own
    # Topics in a third of the time.
    "ProdLDA, quick": (
        "ProdLDA",
        {"epochs": 20, "learning_rate": 5e-3, "validation_fraction": 0.0, "warm_up": 5},
    ),
    **{f"LDAVAE, diversity {n}": ("LDAVAE", {"diversity": float(n)}) for n in (0, 2, 4)},
}


class Run(NamedTuple):
    """A model on a corpus, once a seed."""

    model: str
    corpus: str
    n_topics: int = N_TOPICS
    seeds: tuple[int, ...] = (0, 1, 2)
    validation: bool = False


CORPUS, LARGE = "20ng_prodlda", "arxiv_100k"
MODELS = ("LDAVAE", "ProdLDA", "ProdLDA, quick", "NVLDA", "DirichletVAE")
RUNS = (
    *(Run(model, CORPUS) for model in (*MODELS, GIBBS)),
    Run("LDAVAE", LARGE),
    *(
        Run(model, LARGE, seeds=(0,))
        for model in ("LDAVAE, diversity 0", "ProdLDA", "NVLDA", "DirichletVAE", GIBBS)
    ),
    *(Run(model, LARGE, 200, (0,)) for model in ("LDAVAE", "ProdLDA", GIBBS)),
)
# Options of all models on a corpus. Eighty epochs of arXiv would take hours; six are nearly as
# many steps as eighty of 20 Newsgroups.
OPTIONS: dict[str, dict[str, Any]] = {LARGE: {"epochs": 6, "warm_up": 2}}
SWEEPS = {LARGE: 60}  # of Gibbs sampling, on all others 200
FIGURES = (
    "npmi_10",
    "diversity_25",
    "c_v",
    "npmi_10_by_probability",
    "diversity_25_by_probability",
    "c_v_by_probability",
    "perplexity",
    "perplexity_per_document",
    "leading_topics",
    "train_seconds",
    "cpu_seconds",
)
VALIDATION_SEED = 12345  # of the split


def train(
    model: str,
    seed: int,
    threads: int,
    name: str = CORPUS,
    n_topics: int = N_TOPICS,
    validation: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """One model: what its topics are worth and how long it trained."""
    import ntm_fast
    from ntm_fast import metrics

    torch.set_num_threads(threads)
    documents = training = inputs.corpus(name)
    if validation:
        training, test, _ = documents.split(0.1, 0.0, VALIDATION_SEED)
        options = {"validation_fraction": 0.0, **options}
    else:
        test = inputs.corpus(name, "test")
    learned: Any
    if model == GIBBS:
        learned = GibbsLDA(training, n_topics, seed, threads)
    else:
        kind, changed = SETTINGS.get(model, (model, {}))
        options = {**OPTIONS.get(name, {}), **changed, **options}
        make = getattr(ntm_fast, kind)
        learned = make(n_topics, random_state=seed, device=machine.NAME, **options)
    began, cpu_began = time.perf_counter(), time.process_time()
    sweeps = SWEEPS.get(name, 200)
    learned.fit(sweeps if model == GIBBS else training)
    row = {
        "op": f"{model} quality",
        "subject": f"seed {seed}",
        "shape": shape_of(name, n_topics, validation),
        "threads": threads,
        "epochs": sweeps if model == GIBBS else learned.n_epochs_,
        "relevance": RELEVANCE,
        "train_seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
    }
    for suffix, relevance in (("", RELEVANCE), ("_by_probability", 1.0)):
        top = learned.top_word_ids(25, relevance=relevance)
        ordered = texts(name, documents) if find_spec("gensim") else None
        found = metrics.evaluate_topics(top, documents, texts=ordered)
        row[f"npmi_10{suffix}"], row[f"diversity_25{suffix}"] = found.npmi, found.diversity
        if found.c_v is not None:
            row[f"c_v{suffix}"] = found.c_v
    row["perplexity"] = learned.perplexity(test)
    if model != GIBBS:
        row["perplexity_per_document"] = learned.perplexity(test, kind="per_document")
        row["leading_topics"] = len(np.unique(learned.transform(training).argmax(1)))
    return row


def shape_of(name: str, n_topics: int, validation: bool = False) -> str:
    """What a row calls the documents and K."""
    return f"{Path(name).name}{', validation split' if validation else ''}, K={n_topics}"


def texts(name: str, documents: Corpus) -> Corpus | list[list[str]]:
    """Training texts with their order of words, where there are any: 20,000 of arXiv's."""
    path = inputs.shared_folder(name) / "documents.train.first20000.txt.gz"
    if not path.exists():
        return documents
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [line.split() for line in lines]


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean over the seeds, and under the same names with "_spread" the standard deviation."""
    row = {**runs[0], "subject": "mean", "seeds": len(runs)}
    for name in (name for name in FIGURES if name in row):
        values = [run[name] for run in runs]
        row[name] = statistics.fmean(values)
        row[f"{name}_spread"] = statistics.stdev(values) if len(values) > 1 else 0.0
    return row


def rows_of(
    wanted: Run, threads: int, done: Mapping[results.Key, dict[str, Any]], **options: Any
) -> Iterator[dict[str, Any]]:
    """Rows of a run's seeds that are not `done`, and then of the mean of all."""
    shape = shape_of(wanted.corpus, wanted.n_topics, wanted.validation)
    names = {"op": f"{wanted.model} quality", "shape": shape, "threads": threads}
    rows, new = [], False
    for seed in wanted.seeds:
        row = done.get(results.key({**names, "subject": f"seed {seed}"}))
        if row is None:
            row = train(wanted.model, seed, threads, *wanted[1:3], wanted.validation, **options)
            new = True
            yield row
        rows.append(row)
    if new:
        yield summary(rows)


def run(threads: int) -> Iterator[dict[str, Any]]:
    """Rows of our models on the small corpus, on one thread alone; none where it is absent."""
    if threads != 1:
        return
    if not inputs.is_real(CORPUS):
        print(f"quality: {CORPUS} is absent (set NTM_FAST_SHARED to the folder that holds it)")
        return
    seeds, options = ((0,), {"epochs": 2}) if QUICK else ((0, 1, 2), {})
    for model in MODELS:
        yield from rows_of(Run(model, CORPUS, seeds=seeds), threads, {}, **options)


def choose(given: argparse.Namespace) -> list[Run]:
    """Those of RUNS that the arguments name, and what else they name."""
    runs = [
        each
        for each in RUNS
        if given.corpus in (None, each.corpus)
        and given.topics in (None, each.n_topics)
        and (not given.models or each.model in given.models)
    ]
    runs += [
        Run(model, given.corpus or CORPUS, given.topics or N_TOPICS)
        for model in given.models or (() if runs else MODELS)
        if model not in [each.model for each in runs]
    ]
    return [
        each._replace(seeds=tuple(given.seeds or each.seeds), validation=given.validation)
        for each in runs
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m benchmarks quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = (*MODELS, *SETTINGS, GIBBS)
    parser.add_argument("models", nargs="*", metavar="model", help=f"of {'; '.join(known)}")
    parser.add_argument("--corpus", help=f"{', '.join(inputs.SIZES)}, or a folder that holds one")
    parser.add_argument("--topics", type=int)
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--epochs", type=int, help="fewer than the recipe's")
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs")
    parser.add_argument("--warm-up", type=int, help="of the KL term, in epochs")
    parser.add_argument("--validation", action="store_true", help="not the test documents")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="also what the output holds already")
    parser.add_argument("--output", type=Path, help="JSON lines; default: benchmarks/results/…")
    given = parser.parse_args(arguments)
    for model in given.models:
        if model not in known:
            parser.error(f"no model is called {model!r}; there are {'; '.join(known)}")
    if given.quick:
        given.seeds, given.epochs = [0], 2
    changed = {"epochs": given.epochs, "warm_up": given.warm_up}
    options = {name: value for name, value in changed.items() if value is not None}
    output = results.Output(given.output)
    known_rows = not (given.again or options) and output.path.exists()
    done = results.read(output.path) if known_rows else {}
    runs = choose(given)
    for absent in {r.corpus for r in runs if not inputs.is_real(r.corpus)}:
        parser.error(
            f"{inputs.shared_folder(absent)} has no train.npz or corpus.tsv; expected a corpus"
            " (NTM_FAST_SHARED is the folder whose data/ holds the named ones)"
        )
    for each in runs:
        if each.model == GIBBS and find_spec("tomotopy") is None:
            print(f"{GIBBS} is not measured: pip install tomotopy")
            continue
        for row in rows_of(each, given.threads, done, **options):
            output.add("quality", row)
            done = {**done, results.key(row): row}
    for shape in dict.fromkeys(shape_of(r.corpus, r.n_topics, r.validation) for r in runs):
        rows = [row for row in done.values() if row["op"].endswith(" quality")]
        means = [row for row in rows if row["shape"] == shape and row["subject"] == "mean"]
        peers = [peer.row() for peer in PEERS if shape == f"{peer.corpus}, K=50"]
        results.console().print(results.table(shape, [shown(row) for row in (*means, *peers)]))
    print(f"rows saved to {output.path}")
    return 0


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """What the printed table has of a row."""
    figures = {name: row[name] for name in FIGURES if name in row}
    return {"model": row["op"].removesuffix(" quality"), "seeds": row["seeds"], **figures}


if __name__ == "__main__":
    sys.exit(main())
