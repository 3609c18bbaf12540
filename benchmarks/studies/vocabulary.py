"""Training at vocabularies of 10,000 to 1,000,000 words: cost of a document and peak memory.

Made-up documents of 100 tokens whose words follow Zipf's law, batches of 200, K = 50, each run in
a process of its own. Plain dense PyTorch does a few steps where its memory suffices.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.harness import machine
from benchmarks.harness.timing import HASTY

N_TOPICS = 50
LENGTH = 100  # tokens of a document
SIZES = (10_000, 100_000, 1_000_000)
MODELS = ("ProdLDA", "NVLDA")
BASELINE = "plain dense PyTorch"
STEPS = 30
DENSE_STEPS = {10_000: 20, 100_000: 6, 1_000_000: 2}
DENSE_ARRAYS = 10  # of B×V floats that the plain model holds at once, with some room


def train(model: str, words: int, threads: int) -> dict[str, Any]:
    """Two steps to warm up, then as many as are timed; in the process that `run` starts."""
    import torch

    from benchmarks.harness.inputs import zipf_matrix
    from benchmarks.studies.dense_prodlda import DenseTrainer
    from ntm_fast.data import Corpus
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES, Trainer

    torch.set_num_threads(threads)
    dense = model == BASELINE
    recipe = RECIPES["ProdLDA" if dense else model].changed(n_topics=N_TOPICS)
    size = recipe.training.batch_size
    steps = 1 if HASTY else DENSE_STEPS[words] if dense else STEPS
    documents = Corpus.from_scipy(zipf_matrix((steps + 2) * size, words, LENGTH))
    first, rest = documents[: 2 * size], documents[2 * size :]
    if dense:
        plain = DenseTrainer(words, recipe)
        plain.epoch(first.to_scipy())
        matrix = rest.to_scipy()
        began = time.perf_counter()
        plain.epoch(matrix)
    else:
        model_there = TopicModel(words, recipe.model).to(machine.NAME)
        trainer = Trainer(model_there, recipe.training, seed=0)
        trainer.fit(first, epochs=1)
        began = time.perf_counter()
        trainer.fit(rest, epochs=2)
    seconds = time.perf_counter() - began
    return {
        "words": words,
        "steps": steps,
        "seconds": seconds / steps,
        "document_seconds": seconds / (steps * size),
        "peak_bytes": machine.peak_bytes(),
    }


def run(threads: int) -> Iterator[dict[str, Any]]:
    """One row a model and vocabulary, on all threads only."""
    if threads != len(os.sched_getaffinity(0)):
        return
    for words in SIZES[: 1 if HASTY else None]:
        for model in (*MODELS, BASELINE):
            dense = model == BASELINE
            row = {
                "op": f"{'ProdLDA' if dense else model} vocabulary",
                "subject": BASELINE if dense else "ntm_fast",
                "shape": f"V={words:,}, K={N_TOPICS}",
                "threads": threads,
            }
            if dense and machine.available_bytes() < DENSE_ARRAYS * 200 * words * 4:
                yield row | {"absent": "its memory does not suffice here"}
            else:
                module = "benchmarks.studies.vocabulary"
                yield row | machine.in_a_process(module, model, words, threads)


if __name__ == "__main__":
    machine.use()
    print(json.dumps(train(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
