"""What topics are worth: their overlap, and their NPMI on 100,000 documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.harness import inputs, machine
from benchmarks.harness.rows import op_rows, timed
from benchmarks.harness.timing import products
from ntm_fast import ops, reference
from ntm_fast.data import Corpus
from ntm_fast.metrics import npmi

Rows = Iterator[dict[str, Any]]
CORPUS = "arxiv_100k"
N_TOPICS, N_TOP = 50, 10
WINDOW, N_TEXTS = 10, 5_000


def topic_overlap(threads: int) -> Rows:
    """Against its reference, eager and compiled.

    The floor is the multiplications of two products, of which one is symmetric, at the rate of
    torch's own: the lifts' inner products forward, and their gradient with respect to the lifts.
    """
    subjects = {
        "ntm_fast": ops.topic_overlap,
        "eager": reference.topic_overlap,
        "compiled": torch.compile(reference.topic_overlap),
    }
    for words, topics in machine.pick(
        [(2_000, 50), (50_000, 50), (20_000, 200)], [(50_000, 50), (200_000, 200)]
    ):
        args = [torch.randn(words, topics, requires_grad=True)]
        floor = products(3.0 * words * topics**2)
        yield from op_rows("topic_overlap", args, subjects, threads, floor=floor)


def frequent_topics(corpus: Corpus) -> Any:
    """Top words [K, n]: the most frequent words dealt out at random, the costliest topics."""
    frequency = np.bincount(corpus.indices, minlength=corpus.n_words)
    frequent = np.argsort(-frequency, kind="stable")[: N_TOPICS * N_TOP]
    return np.random.default_rng(0).permutation(frequent).reshape(N_TOPICS, N_TOP)


def plain_npmi(top_words: Any, corpus: Corpus) -> Any:
    """The same from one sparse product over all words in use."""
    used, slots = np.unique(top_words, return_inverse=True)
    slots = slots.reshape(top_words.shape)
    present = (corpus.to_scipy()[:, used] > 0).astype(np.float64)
    joint = (present.T @ present).toarray() / corpus.n_documents
    i, j = np.triu_indices(top_words.shape[1], 1)
    p_joint = joint[slots[:, i], slots[:, j]] + 1e-12
    p = np.diag(joint)[slots]
    return (np.log(p_joint / (p[:, i] * p[:, j])) / -np.log(p_joint)).mean(axis=1)


def gensim_npmi(top_words: Any, texts: list[list[str]], vocabulary: tuple[str, ...]) -> Any:
    """The same by gensim's c_npmi; ImportError without it."""
    from gensim.corpora import Dictionary
    from gensim.models import CoherenceModel

    topics = [[vocabulary[word] for word in topic] for topic in top_words]
    model = CoherenceModel(
        topics=topics,
        texts=texts,
        dictionary=Dictionary([sorted({word for topic in topics for word in topic})]),
        coherence="c_npmi",
        window_size=WINDOW,
        topn=N_TOP,
        processes=1,
    )
    return np.array(model.get_coherence_per_topic())


def metrics(threads: int) -> Rows:
    """NPMI by documents and by windows, against plain scipy, and gensim if it is installed."""
    corpus = inputs.corpus(CORPUS)
    name = CORPUS if inputs.is_real(CORPUS) else "synthetic"
    words = frequent_topics(corpus)
    documents: dict[str, Callable[[], Any]] = {
        "ntm_fast": lambda: npmi(words, corpus),
        "plain scipy": lambda: plain_npmi(words, corpus),
    }
    lines = np.split(corpus.indices, corpus.indptr[1:-1])[:N_TEXTS]
    texts = [[corpus.vocabulary[word] for word in line] for line in lines]
    windows: dict[str, Callable[[], Any]] = {
        "ntm_fast": lambda: npmi(words, texts, window=WINDOW, vocabulary=corpus.vocabulary),
        "gensim": lambda: gensim_npmi(words, texts, corpus.vocabulary),
    }
    yield from npmi_rows(f"{name}, {corpus.n_documents:,} documents", documents, threads)
    yield from npmi_rows(f"{name}, {N_TEXTS:,} texts, window {WINDOW}", windows, threads)


def npmi_rows(shape: str, subjects: dict[str, Callable[[], Any]], threads: int) -> Rows:
    """Rows of the subjects, which have to agree to 1e-9 before they are timed."""
    values = {}
    for subject, function in list(subjects.items()):
        try:
            values[subject] = function()
        except ImportError:
            del subjects[subject]
    for subject, value in values.items():
        error = float(np.abs(value - values["ntm_fast"]).max())
        if not error <= 1e-9:
            raise AssertionError(f"npmi, {shape}: ntm_fast differs from {subject} by {error:.2g}")
    for subject, figure in timed(subjects, threads).items():
        yield {
            "op": "npmi",
            "subject": subject,
            "shape": f"{N_TOPICS} topics, {shape}",
            "dtype": "float64",
            "threads": threads,
            **figure,
        }
