"""Training: ntm_fast's ProdLDA against plain dense PyTorch, and an epoch of every model.

Side by side and interleaved: all train on the same documents with the same batch size, ours in
the ways that a user may choose. An epoch of each model then runs in a process of its own, whose
peak memory is read at its end.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import inputs, machine
from benchmarks.harness.results import OURS
from benchmarks.harness.rows import timed
from benchmarks.harness.timing import HASTY

N_TOPICS = 50
# Steps of one turn: ours, the baseline's.
STEPS = machine.pick(
    {"20ng_prodlda": (20, 20), "arxiv_100k": (40, 4)},
    {"20ng_prodlda": (50, 50), "arxiv_100k": (100, 40)},
)
# LDA as a VAE and no more.
BARE: dict[str, Any] = {"hidden": (100,), "background": False, "diversity": 0.0}
# Model, what it is called and what differs from its recipe.
VARIANTS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "20ng_prodlda": [("ProdLDA", OURS, {})],
    "arxiv_100k": [
        ("ProdLDA", OURS, {}),
        ("ProdLDA", f"{OURS}, plain Adam", {"optimiser": "adam"}),
        ("ProdLDA", f"{OURS}, bfloat16", {"precision": "medium"}),
        ("NVLDA", f"{OURS}, encoder 1x100", {"hidden": (100,)}),
        ("NVLDA", f"{OURS}, plain Adam", {"optimiser": "adam"}),
        ("LDAVAE", OURS, {}),
        ("LDAVAE", f"{OURS}, bare", BARE),
    ],
}
MODELS = ("ProdLDA", "NVLDA", "DirichletVAE", "LDAVAE")
BASELINE = "plain dense PyTorch"


def row(model: str, subject: str, name: str, threads: int, **figures: Any) -> dict[str, Any]:
    shown = name if inputs.is_real(name) else f"made up, sized as {name}"
    words = inputs.SIZES[name][1]
    return {
        "op": f"{model} training",
        "subject": subject,
        "shape": f"{shown}, V={words:,}, K={N_TOPICS}",
        "threads": threads,
        **figures,
    }


def side_by_side(name: str, threads: int) -> Iterator[dict[str, Any]]:
    """Some steps of each, alternated; `speedup` is documents per second over the baseline's.

    It is the median over the turns. Deferred Adam's flush at the end of an epoch is in, though a
    long epoch feels less of it than the few steps here.
    """
    import torch

    from benchmarks.studies.dense_prodlda import DenseTrainer
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES, Trainer

    torch.set_num_threads(threads)
    steps, dense_steps = (4, 4) if HASTY else STEPS[name]
    everything = inputs.corpus(name)
    everything = everything[everything.document_lengths > 0]
    prodlda = RECIPES["ProdLDA"].changed(n_topics=N_TOPICS)
    dense = DenseTrainer(everything.n_words, prodlda)
    matrix = everything[: dense_steps * prodlda.training.batch_size].to_scipy()
    if machine.is_cuda():  # the quickest way: all of it is dense there beforehand
        matrix = torch.from_numpy(matrix.toarray()).cuda()
    subjects: dict[tuple[str, str], Callable[[], object]] = {
        ("ProdLDA", BASELINE): lambda: dense.epoch(matrix)
    }
    documents = {("ProdLDA", BASELINE): matrix.shape[0]}
    recorded = [("ProdLDA", f"{OURS}, CUDA graphs", {"cuda_graphs": True})]
    for model, subject, changes in VARIANTS[name] + machine.pick([], recorded):
        if machine.is_cuda() and "optimiser" in changes:
            continue  # there it is the same Adam
        recipe = RECIPES[model].changed(n_topics=N_TOPICS, **changes)
        train = everything[: steps * recipe.training.batch_size]
        untrained = TopicModel(train.n_words, recipe.model).to(machine.NAME)
        run = Trainer(untrained, recipe.training, seed=0)
        subjects[model, subject] = lambda run=run, train=train: run.fit(
            train, epochs=run.state.epoch + 1
        )
        documents[model, subject] = len(train)
    for (model, subject), figure in timed(subjects, threads, budget=10, once=math.inf).items():
        n = documents[model, subject]
        rate = {
            "documents_per_second": n / figure["seconds"],
            "speedup": n / (matrix.shape[0] * figure.pop("ratio")),
            "speedup_spread": figure.pop("ratio_spread"),
        }
        yield row(model, subject, name, threads, documents=n, **rate, **figure)


def epoch(model: str, name: str, threads: int) -> dict[str, Any]:
    """One epoch (of the baseline a few steps) in a process of its own, with its peak memory."""
    figures = machine.in_a_process("benchmarks.studies.training", model, name, threads)
    subject = f"{BASELINE}, a few steps" if model == BASELINE else "ntm_fast, one epoch"
    return row("ProdLDA" if model == BASELINE else model, subject, name, threads, **figures)


def run_epoch(model: str, name: str, threads: int) -> dict[str, Any]:
    """The measurement of `epoch`, in its process."""
    import time

    import torch

    from benchmarks.studies.dense_prodlda import DenseTrainer
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES, Trainer

    torch.set_num_threads(threads)
    recipe = RECIPES["ProdLDA" if model == BASELINE else model].changed(n_topics=N_TOPICS)
    documents = inputs.corpus(name)
    batch_size = recipe.training.batch_size
    if HASTY or model == BASELINE:
        documents = documents[: 5 * batch_size]
    began = time.perf_counter()
    if model == BASELINE:
        DenseTrainer(documents.n_words, recipe).epoch(documents.to_scipy())
    else:
        model_there = TopicModel(documents.n_words, recipe.model).to(machine.NAME)
        Trainer(model_there, recipe.training, seed=0).fit(documents, epochs=1)
    seconds = time.perf_counter() - began
    return {
        "batch_size": batch_size,
        "documents": len(documents),
        "seconds": seconds,
        "documents_per_second": len(documents) / seconds,
        "peak_bytes": machine.peak_bytes(),
    }


def run(threads: int) -> Iterator[dict[str, Any]]:
    """Rows of both parts; whole epochs on all threads only."""
    for name in STEPS:
        yield from side_by_side(name, threads)
    if threads == len(os.sched_getaffinity(0)):
        for model in (*MODELS, BASELINE):
            yield epoch(model, "arxiv_100k", threads)


if __name__ == "__main__":
    machine.use()
    print(json.dumps(run_epoch(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
