"""NPMI of 50 topics on 100,000 documents: ntm_fast against plain scipy, and gensim if installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from benchmarks.rows import timed
from ntm_fast.data import Corpus
from ntm_fast.metrics import npmi

N_TOPICS, N_TOP = 50, 10
WINDOW, N_TEXTS = 10, 5_000


def load() -> tuple[str, Corpus]:
    """arXiv abstracts where NTM_FAST_SHARED (or ../shared) holds them, else draws of their size."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("NTM_FAST_SHARED", root.parent / "shared")) / "data/arxiv_100k"
    if (folder / "train.npz").exists():
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split()
        return "arxiv_100k", Corpus.from_scipy(
            scipy.sparse.load_npz(folder / "train.npz"), vocabulary
        )
    rng = np.random.default_rng(0)
    n_documents, n_words, n_tokens = 100_000, 54_397, 7_700_000
    zipf = 1 / (np.arange(n_words) + 30.0)
    words = rng.choice(n_words, n_tokens, p=zipf / zipf.sum())
    documents = rng.integers(0, n_documents, n_tokens)
    counts = np.ones(n_tokens, dtype=np.float32)
    matrix = scipy.sparse.csr_array((counts, (documents, words)), shape=(n_documents, n_words))
    return "synthetic", Corpus.from_scipy(matrix)


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


def run(threads: int) -> list[dict[str, Any]]:
    """Rows for documents and for windows; all subjects agree to 1e-9 before they are timed."""
    name, corpus = load()
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
    return [
        *_rows("npmi", f"{name}, {corpus.n_documents:,} documents", documents, threads),
        *_rows("npmi", f"{name}, {N_TEXTS:,} texts, window {WINDOW}", windows, threads),
    ]


def _rows(
    op: str, shape: str, subjects: dict[str, Callable[[], Any]], threads: int
) -> list[dict[str, Any]]:
    values = {}
    for subject, function in list(subjects.items()):
        try:
            values[subject] = function()
        except ImportError:
            del subjects[subject]
    for subject, value in values.items():
        error = float(np.abs(value - values["ntm_fast"]).max())
        if not error <= 1e-9:
            raise AssertionError(f"{op}, {shape}: ntm_fast differs from {subject} by {error:.2g}")
    figures = timed(subjects, threads)
    return [
        {
            "op": op,
            "subject": subject,
            "shape": f"{N_TOPICS} topics, {shape}",
            "dtype": "float64",
            "threads": threads,
            **figure,
        }
        for subject, figure in figures.items()
    ]


def rows() -> list[dict[str, Any]]:
    """`run` on one thread."""
    return run(1)


if __name__ == "__main__":
    for row in rows():
        print(
            f"{row['op']} {row['shape']}: {row['subject']} {row['seconds']:.3f} s "
            f"(spread {row['spread']:.0%}), {row['ratio']:.2f} x ntm_fast"
        )
