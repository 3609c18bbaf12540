"""The classical bar: collapsed Gibbs sampling by tomotopy, in C++, against a model of ours.

Both learn 50 topics from the training documents of 20 Newsgroups on the same cores, alternately,
with three seeds; both are measured by ntm_fast.metrics, the topics on the training documents and
the perplexity on held-out words of the test documents. The topics of both are read in both ways, by
relevance to the topic and by probability alone. tomotopy's seconds are those of its sweeps
alone, ours those of `fit` with all that belongs to it. Needs tomotopy (from PyPI).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from benchmarks.harness import inputs
from benchmarks.harness.timing import QUICK
from benchmarks.studies import quality
from benchmarks.studies.rivals import GibbsLDA
from ntm_fast import metrics

SWEEPS = 200
SEEDS = (0, 1, 2)
MODEL = "ProdLDA, quick"
FIGURES = (
    "npmi_10",
    "diversity_25",
    "npmi_10_by_probability",
    "diversity_25_by_probability",
    "perplexity",
    "train_seconds",
)
TOMOTOPY = f"tomotopy LDA, {SWEEPS} sweeps"


def gibbs(seed: int, threads: int) -> dict[str, Any]:
    """Figures of tomotopy's topics."""
    documents, test = (inputs.corpus(quality.CORPUS, split) for split in ("train", "test"))
    lda = GibbsLDA(documents, quality.N_TOPICS, seed, threads)
    began = time.perf_counter()
    lda.fit(2 if QUICK else SWEEPS)
    seconds = time.perf_counter() - began
    top, likely = (
        metrics.evaluate_topics(
            metrics.top_words(lda.beta, 25, relevance=relevance), documents, c_v=False
        )
        for relevance in (metrics.RELEVANCE, 1.0)
    )
    return {
        "npmi_10": top.npmi,
        "diversity_25": top.diversity,
        "npmi_10_by_probability": likely.npmi,
        "diversity_25_by_probability": likely.diversity,
        "perplexity": metrics.perplexity(lda, test),
        "train_seconds": seconds,
    }


def ours(seed: int, threads: int) -> dict[str, Any]:
    """The same of ours."""
    row = quality.train(MODEL, seed, threads, **({"epochs": 2} if QUICK else {}))
    return {name: row[name] for name in (*FIGURES, "epochs")}


def run(threads: int) -> Iterator[dict[str, Any]]:
    """One row a system and seed, then their medians, on all threads only."""
    if threads != len(os.sched_getaffinity(0)) or not inputs.is_real(quality.CORPUS):
        return
    common = {"op": "classical bar", "shape": f"{quality.CORPUS}, K={quality.N_TOPICS}"}
    subjects = {TOMOTOPY: gibbs, f"{MODEL}, ntm_fast": ours}
    if find_spec("tomotopy") is None:
        absent = {"subject": TOMOTOPY, "threads": threads, "absent": "pip install tomotopy"}
        del subjects[TOMOTOPY]
        yield common | absent
    runs: dict[str, list[dict[str, Any]]] = {subject: [] for subject in subjects}
    for seed in SEEDS[: 1 if QUICK else None]:
        for subject, function in subjects.items():
            figures = function(seed, threads)
            runs[subject].append(figures)
            yield {**common, "subject": subject, "threads": threads, "seed": seed, **figures}
    for subject, many in runs.items():
        medians = {n: statistics.median(one[n] for one in many) for n in FIGURES}
        row = {**common, "subject": subject, "threads": threads, "seed": "median"}
        yield {**row, **medians}
