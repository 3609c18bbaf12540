"""Quality: topics and perplexity that each named model reaches, and the seconds it takes.

Trained on the training documents of a corpus with the recipe's defaults, for three seeds; NPMI10
from document co-occurrence in the training documents, TD25, and the perplexity of held-out words
on the test documents. The last row of a model is the median.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch

from benchmarks import corpora, device
from benchmarks.timing import QUICK

N_TOPICS = 50
SEEDS = (0, 1, 2)
MODELS = ("ProdLDA", "NVLDA", "DirichletVAE", "LDAVAE")
CORPUS = "20ng_prodlda"
FIGURES = ("npmi_10", "diversity_25", "perplexity", "train_seconds")


def train(
    model: str, seed: int, threads: int, name: str = CORPUS, **options: Any
) -> dict[str, Any]:
    """One model: what its topics are worth and how long it trained."""
    import ntm_fast
    from ntm_fast import metrics

    torch.set_num_threads(threads)
    documents, test = corpora.corpus(name), corpora.corpus(name, "test")
    estimator = getattr(ntm_fast, model)(
        N_TOPICS, random_state=seed, options=options or None, device=device.NAME
    )
    began = time.perf_counter()
    estimator.fit(documents)
    seconds = time.perf_counter() - began
    top = estimator.top_word_ids(25)
    return {
        "op": f"{model} quality",
        "subject": f"seed {seed}",
        "shape": f"{name}, K={N_TOPICS}",
        "threads": threads,
        "epochs": estimator.n_epochs_,
        "npmi_10": float(np.mean(metrics.npmi(top, documents, n=10))),
        "diversity_25": float(metrics.topic_diversity(top, n=25)),
        "perplexity": estimator.perplexity(test),
        "leading_topics": len(np.unique(estimator.transform(documents).argmax(1))),
        "train_seconds": seconds,
    }


def run(threads: int) -> list[dict[str, Any]]:
    """Rows of every model and seed, and their medians; none where the corpus is absent."""
    if not corpora.is_real(CORPUS):
        print(f"quality: {CORPUS} is absent (set NTM_FAST_SHARED to the folder that holds it)")
        return []
    options = {"epochs": 2} if QUICK else {}
    rows = []
    for model in MODELS:
        runs = [train(model, seed, threads, **options) for seed in SEEDS[: 1 if QUICK else None]]
        medians = {name: statistics.median(run[name] for run in runs) for name in FIGURES}
        rows += [*runs, {**runs[0], "subject": "median", "epochs": None, **medians}]
    return rows


if __name__ == "__main__":
    import sys

    for line in run(int(sys.argv[1]) if len(sys.argv) > 1 else 2):
        print(line, flush=True)
