"""Inference: transform and held-out perplexity beside an epoch of training, one document, memory.

An epoch over some documents, their proportions by a trained model (its topics made anew each time,
as after training) and their held-out perplexity are timed in alternation; `over_epoch` is a median
over the turns. One document of 30 words is transformed many times by a model of each vocabulary: by
the model itself from a corpus, and by the estimator from a row of a sparse matrix. Memory is the
growth of a process of its own that transforms 40 documents of 5,000 words.
"""

from __future__ import annotations

import copy
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.harness import inputs, machine
from benchmarks.harness.results import OURS
from benchmarks.harness.timing import HASTY, compare

N_TOPICS = 50
MODELS = ("LDAVAE", "NVLDA")  # mixtures, whose proportions are refined
MADE_UP = {  # documents, words, tokens of a document
    "made up": (2_000, 5_000, 100),
    "made up, long": (400, 5_000, 3_000),
}
MOST = 4_000  # documents of a real corpus
SIZES = (2_000, 20_000, 200_000, 1_000_000)
CALLS = 1_000
LONG = (40, 5_000, 20_000, 100)  # documents, distinct words of each, V, K


def beside_an_epoch(name: str, threads: int) -> Iterator[dict[str, Any]]:
    """Rows of one corpus."""
    from ntm_fast.data import Corpus
    from ntm_fast.metrics import perplexity
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES, Trainer

    if name in MADE_UP:
        corpus, shown = Corpus.from_scipy(inputs.zipf_matrix(*MADE_UP[name])), name
    else:
        corpus = inputs.corpus(name)
        corpus = corpus[corpus.document_lengths > 0][: 400 if HASTY else MOST]
        shown = name if inputs.is_real(name) else f"made up, sized as {name}"
    for model in MODELS:
        recipe = RECIPES[model].changed(n_topics=N_TOPICS)
        trainer = Trainer(TopicModel(corpus.n_words, recipe.model), recipe.training, seed=0)
        trainer.fit(corpus, epochs=2)
        trained = copy.deepcopy(trainer.model)
        timings = compare(
            {
                "an epoch of training": lambda t=trainer: t.fit(corpus, epochs=t.state.epoch + 1),
                "transform": lambda m=trained: m.eval().topic_proportions(corpus),
                "held-out perplexity": lambda m=trained: perplexity(m.eval(), corpus),
            },
            threads=threads,
        )
        epoch = timings["an epoch of training"]
        for subject, timing in timings.items():
            yield {
                "op": f"{model} inference",
                "subject": subject,
                "shape": f"{shown}, {len(corpus):,} documents, V={corpus.n_words:,}, K={N_TOPICS}",
                "threads": threads,
                "seconds": timing.seconds,
                "spread": timing.spread,
                "over_epoch": timing.over(epoch).seconds,
            }


def one_document(model: str, n_words: int, threads: int) -> dict[str, Any]:
    """Percentiles of the seconds that one document takes; in the process that `run` starts."""
    import numpy as np
    import scipy.sparse as sp
    import torch

    import ntm_fast
    from ntm_fast.data import Corpus
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES

    torch.set_num_threads(threads)
    columns = np.arange(30, dtype=np.int32) * (n_words // 30)
    row = sp.csr_array((np.ones(30, np.float32), columns, [0, 30]), shape=(1, n_words))
    corpus = Corpus.from_scipy(row)
    estimator = getattr(ntm_fast, model)(N_TOPICS)
    estimator.model_ = TopicModel(n_words, RECIPES[model].changed(n_topics=N_TOPICS).model).eval()
    estimator.n_features_in_, estimator.vocabulary_ = n_words, corpus.vocabulary
    figures = {}
    for way, call in (
        ("model", lambda: estimator.model_.topic_proportions(corpus)),
        ("estimator", lambda: estimator.transform(row)),
    ):
        for _ in range(20):
            call()
        clock = machine.stopwatch(threads)
        seconds = [clock(call, 1)]
        while len(seconds) < (20 if HASTY else CALLS) and sum(seconds) < 2:
            seconds.append(clock(call, 1))
        figures[f"{way}_p50_seconds"] = statistics.median(seconds)
        figures[f"{way}_p99_seconds"] = statistics.quantiles(seconds, n=100)[-1]
    return figures


def memory(model: str, threads: int) -> dict[str, Any]:
    """Bytes by which the memory peaked in a transform; in the process that `run` starts."""
    import numpy as np
    import torch

    from ntm_fast.data import Corpus
    from ntm_fast.models import TopicModel
    from ntm_fast.training import RECIPES

    torch.set_num_threads(threads)
    documents, length, n_words, n_topics = LONG
    random = np.random.default_rng(0)
    rows = [np.sort(random.choice(n_words, length, replace=False)) for _ in range(documents)]
    corpus = Corpus(
        np.arange(documents + 1) * length,
        np.concatenate(rows).astype(np.int32),
        np.ones(documents * length, np.float32),
        tuple(map(str, range(n_words))),
    )
    settings = RECIPES[model].changed(n_topics=n_topics).model
    made = TopicModel(n_words, settings).eval()
    made.topic_proportions(corpus[:1])
    began = time.process_time()
    growth = machine.peak_growth(lambda: made.topic_proportions(corpus))
    return {"seconds": time.process_time() - began, "growth_bytes": growth}


def run(threads: int) -> Iterator[dict[str, Any]]:
    """Rows beside an epoch; those of real corpora, one document and memory on one thread."""
    names = (*MADE_UP, *inputs.SIZES) if threads == 1 else (*MADE_UP,)
    for name in names[: 1 if HASTY else None]:
        yield from beside_an_epoch(name, threads)
    if threads != 1:
        return
    for n_words in SIZES[: 1 if HASTY else None]:
        for model in ("ProdLDA", "LDAVAE"):
            figures = machine.in_a_process(
                "benchmarks.studies.inference", "one", model, n_words, threads
            )
            shape = f"V={n_words:,}, K={N_TOPICS}"
            row = {"op": f"{model} one document", "subject": OURS, "shape": shape}
            yield {**row, "threads": threads, **figures}
    documents, length, n_words, n_topics = LONG
    shape = f"{documents} documents of {length:,} words, V={n_words:,}, K={n_topics}"
    for model in MODELS:
        figures = machine.in_a_process("benchmarks.studies.inference", "memory", model, threads)
        row = {"op": f"{model} memory of a transform", "subject": OURS, "shape": shape}
        yield {**row, "threads": threads, **figures}


if __name__ == "__main__":
    what, model_name, *numbers = sys.argv[1:]
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    measure = {"one": one_document, "memory": memory}[what]
    print(json.dumps(measure(model_name, *map(int, numbers))))
