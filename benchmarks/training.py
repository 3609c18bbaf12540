"""Training: ntm_fast's ProdLDA against plain dense PyTorch, and an epoch of every model.

Side by side and interleaved: both train on the same documents with the same batch size and recipe.
So do the two ways to take Adam's steps. An epoch of each model then runs in a process of its own,
whose peak memory is read at its end.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import corpora
from benchmarks.processes import call, peak_bytes
from benchmarks.rows import timed
from benchmarks.timing import QUICK

N_TOPICS = 50
STEPS = {"20ng_prodlda": 20, "arxiv_100k": 4}  # of one side by side turn
MODELS = ("ProdLDA", "NVLDA", "DirichletVAE", "LDAVAE")
BASELINE = "plain dense PyTorch"


def row(model: str, subject: str, name: str, threads: int, **figures: Any) -> dict[str, Any]:
    shown = name if corpora.is_real(name) else f"made up, sized as {name}"
    words = corpora.SIZES[name][1]
    return {
        "op": f"{model} training",
        "subject": subject,
        "shape": f"{shown}, V={words:,}, K={N_TOPICS}",
        "threads": threads,
        **figures,
    }


def side_by_side(name: str, threads: int) -> list[dict[str, Any]]:
    """A few steps of each in turns; seconds and documents per second of training."""
    import torch

    from benchmarks.dense_prodlda import DenseTrainer
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES, Trainer

    torch.set_num_threads(threads)
    recipe = RECIPES["ProdLDA"].changed(n_topics=N_TOPICS)
    batch_size = recipe.training.batch_size
    everything = corpora.corpus(name)
    documents = everything[everything.document_lengths > 0][: STEPS[name] * batch_size]
    ours = Trainer(TopicModel(documents.n_words, recipe.model), recipe.training, seed=0)
    dense = DenseTrainer(documents.n_words, recipe)
    matrix = documents.to_scipy()
    subjects: dict[str, Callable[[], object]] = {
        "ntm_fast": lambda: ours.fit(documents, epochs=ours.state.epoch + 1),
        BASELINE: lambda: dense.epoch(matrix),
    }
    figures = timed(subjects, threads, budget=10)
    return [
        row(
            "ProdLDA",
            subject,
            name,
            threads,
            batch_size=batch_size,
            documents_per_second=len(documents) / figure["seconds"],
            **figure,
        )
        for subject, figure in figures.items()
    ]


def optimisers(model: str, name: str, threads: int) -> list[dict[str, Any]]:
    """An epoch of fifty steps with rows that wait for their steps, and with plain Adam."""
    import torch

    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES, Trainer

    torch.set_num_threads(threads)
    subjects: dict[str, Callable[[], object]] = {}
    n = (5 if QUICK else 50) * RECIPES[model].training.batch_size
    documents = corpora.corpus(name)[:n]
    for optimiser in ("deferred-adam", "adam"):
        recipe = RECIPES[model].changed(n_topics=N_TOPICS, optimiser=optimiser)
        run = Trainer(TopicModel(documents.n_words, recipe.model), recipe.training, seed=0)
        subjects[optimiser] = lambda run=run: run.fit(documents, epochs=run.state.epoch + 1)
    return [
        row(
            model,
            optimiser,
            name,
            threads,
            documents_per_second=len(documents) / figure["seconds"],
            **figure,
        )
        for optimiser, figure in timed(subjects, threads, budget=10).items()
    ]


def epoch(model: str, name: str, threads: int) -> dict[str, Any]:
    """One epoch (of the baseline a few steps) in a process of its own, with its peak memory."""
    figures = call("benchmarks.training", model, name, threads)
    subject = f"{BASELINE}, a few steps" if model == BASELINE else "ntm_fast, one epoch"
    return row("ProdLDA" if model == BASELINE else model, subject, name, threads, **figures)


def run_epoch(model: str, name: str, threads: int) -> dict[str, Any]:
    """What the process of `epoch` does."""
    import time

    import torch

    from benchmarks.dense_prodlda import DenseTrainer
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES, Trainer

    torch.set_num_threads(threads)
    recipe = RECIPES["ProdLDA" if model == BASELINE else model].changed(n_topics=N_TOPICS)
    documents = corpora.corpus(name)
    batch_size = recipe.training.batch_size
    if QUICK or model == BASELINE:
        documents = documents[: 5 * batch_size]
    began = time.perf_counter()
    if model == BASELINE:
        DenseTrainer(documents.n_words, recipe).epoch(documents.to_scipy())
    else:
        Trainer(TopicModel(documents.n_words, recipe.model), recipe.training, seed=0).fit(
            documents, epochs=1
        )
    seconds = time.perf_counter() - began
    return {
        "batch_size": batch_size,
        "documents": len(documents),
        "seconds": seconds,
        "documents_per_second": len(documents) / seconds,
        "peak_bytes": peak_bytes(),
    }


def run(threads: int) -> list[dict[str, Any]]:
    """Rows of both parts; whole epochs on all threads only."""
    rows = [r for name in STEPS for r in side_by_side(name, threads)]
    rows += [r for m in ("ProdLDA", "NVLDA") for r in optimisers(m, "arxiv_100k", threads)]
    if threads == len(os.sched_getaffinity(0)):
        rows += [epoch(model, "arxiv_100k", threads) for model in (*MODELS, BASELINE)]
    return rows


if __name__ == "__main__":
    print(json.dumps(run_epoch(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
