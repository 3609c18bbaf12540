"""python -m benchmarks.quality [model …]: what the topics of each named model are worth.

    python -m benchmarks.quality --corpus 20ng_prodlda
    python -m benchmarks.quality --corpus arxiv_100k --seeds 0 --epochs 10 LDAVAE

Each model learns from the training documents with its recipe's defaults, once a seed, and is
measured by ntm_fast.metrics: NPMI of the top 10 words from document co-occurrence in the training
documents, C_v where gensim is installed, the share of distinct words among the top 25, topics that
lead a document, and perplexities of the test documents. Top words are read in both ways: by the
estimators' relevance, and by probability alone. The last row of a model holds the mean over the
seeds, and the standard deviation. `SETTINGS` are models with other settings than their recipe's.
Nothing is chosen on the test documents. Rows are appended to benchmarks/results.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from benchmarks import corpora, device, machine, table
from benchmarks.timing import QUICK
from ntm_fast.data import Corpus
from ntm_fast.metrics import RELEVANCE

N_TOPICS = 50
SEEDS = (0, 1, 2)
SETTINGS: dict[str, tuple[str, dict[str, Any], float]] = {  # model, options, relevance
    # Topics in a third of the time.
    "ProdLDA, quick": (
        "ProdLDA",
        {"epochs": 20, "learning_rate": 5e-3, "validation": 0.0, "topic_dropout": 0.1},
        RELEVANCE,
    ),
    # Read for distinct words, and of all the documents.
    "LDAVAE, relevance 0.2": ("LDAVAE", {"validation": 0.0}, 0.2),
}
MODELS = ("ProdLDA", "NVLDA", "DirichletVAE", "LDAVAE", *SETTINGS)
CORPUS = "20ng_prodlda"
FIGURES = (
    "npmi_10",
    "diversity_25",
    "npmi_10_by_probability",
    "diversity_25_by_probability",
    "c_v",
    "perplexity",
    "perplexity_per_document",
    "leading_topics",
    "train_seconds",
    "cpu_seconds",
)
RESULTS = Path(__file__).resolve().parent / "results"


def train(
    model: str,
    seed: int,
    threads: int,
    name: str = CORPUS,
    n_topics: int = N_TOPICS,
    **options: Any,
) -> dict[str, Any]:
    """One model: what its topics are worth and how long it trained."""
    import ntm_fast
    from ntm_fast import metrics

    torch.set_num_threads(threads)
    documents, test = corpora.corpus(name), corpora.corpus(name, "test")
    kind, changed, relevance = SETTINGS.get(model, (model, {}, RELEVANCE))
    options = {**changed, **options}
    estimator = getattr(ntm_fast, kind)(
        n_topics, random_state=seed, options=options or None, device=device.NAME
    )
    began, cpu_began = time.perf_counter(), time.process_time()
    estimator.fit(documents)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    top = estimator.top_word_ids(25, relevance=relevance)
    likely = estimator.top_word_ids(25, relevance=1)
    row = {
        "op": f"{model} quality",
        "subject": f"seed {seed}",
        "shape": f"{name}, K={n_topics}",
        "threads": threads,
        "epochs": estimator.n_epochs_,
        "relevance": relevance,
        "npmi_10": float(np.mean(metrics.npmi(top, documents, n=10))),
        "diversity_25": float(metrics.topic_diversity(top, n=25)),
        "npmi_10_by_probability": float(np.mean(metrics.npmi(likely, documents, n=10))),
        "diversity_25_by_probability": float(metrics.topic_diversity(likely, n=25)),
        "perplexity": estimator.perplexity(test),
        "perplexity_per_document": estimator.perplexity(test, kind="per_document"),
        "leading_topics": len(np.unique(estimator.transform(documents).argmax(1))),
        "train_seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
    if find_spec("gensim") is not None:
        scores = metrics.c_v(top, texts(name, documents), n=10, vocabulary=documents.vocabulary)
        row["c_v"] = float(np.mean(scores))
    return row


def texts(name: str, documents: Corpus) -> Corpus | list[list[str]]:
    """Training texts with their order of words, where there are any: 20,000 of arXiv's."""
    path = corpora.shared_folder(name) / "documents.train.first20000.txt.gz"
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
    model: str,
    threads: int,
    name: str = CORPUS,
    seeds: Iterable[int] = SEEDS,
    n_topics: int = N_TOPICS,
    **options: Any,
) -> list[dict[str, Any]]:
    """Rows of a model's seeds, and their mean."""
    runs = [train(model, seed, threads, name, n_topics, **options) for seed in seeds]
    return [*runs, summary(runs)]


def run(threads: int) -> list[dict[str, Any]]:
    """Rows of every model; none where the corpus is absent."""
    if not corpora.is_real(CORPUS):
        print(f"quality: {CORPUS} is absent (set NTM_FAST_SHARED to the folder that holds it)")
        return []
    seeds, options = (SEEDS[:1], {"epochs": 2}) if QUICK else (SEEDS, {})
    return [row for model in MODELS for row in rows_of(model, threads, CORPUS, seeds, **options)]


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.quality", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="model", help=f"of {'; '.join(MODELS)}")
    parser.add_argument("--corpus", choices=list(corpora.SIZES), default=CORPUS)
    parser.add_argument("--topics", type=int, default=N_TOPICS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--epochs", type=int, help="fewer than the recipe's")
    parser.add_argument("--warm-up", type=int, help="of the KL term, in epochs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, help="JSON lines; benchmarks/results/… unless given")
    given = parser.parse_args()
    for model in given.models:
        if model not in MODELS:
            parser.error(f"no model is called {model!r}; there are {'; '.join(MODELS)}")
    if not corpora.is_real(given.corpus):
        parser.error(f"{given.corpus} is absent: set NTM_FAST_SHARED to the folder that holds it")
    changed = {"epochs": given.epochs, "warm_up": given.warm_up}
    options = {name: value for name, value in changed.items() if value is not None}
    header = machine.describe()
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)
    output = given.output or RESULTS / machine.file_name(header)
    for model in given.models or MODELS:
        rows = rows_of(model, given.threads, given.corpus, given.seeds, given.topics, **options)
        console.print(table.table(model, rows))
        with open(output, "a", encoding="utf-8") as file:
            for row in rows:
                line = {"benchmark": "quality", **row, "machine": header}
                file.write(json.dumps(line) + "\n")
    print(f"rows saved to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
