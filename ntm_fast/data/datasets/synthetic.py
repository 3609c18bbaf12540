"""Corpora drawn from latent Dirichlet allocation, whose topics are known."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ntm_fast.checks import integer, number
from ntm_fast.data.corpus import Corpus


def synthetic(
    n_documents: int = 2000,
    n_words: int = 1000,
    n_topics: int = 10,
    *,
    document_length: float = 80.0,
    concentration: float = 0.1,
    topic_concentration: float = 0.05,
    seed: int = 0,
) -> tuple[Corpus, NDArray[np.float32], NDArray[np.float32]]:
    """Draw a corpus from LDA: (corpus, topics [K, V], theta [D, K]), rows adding up to 1.

    topics_k ~ Dirichlet(topic_concentration), theta_d ~ Dirichlet(concentration), document
    lengths ~ 1 + Poisson(document_length - 1), each token's topic ~ theta_d and word ~ topics_k
    (Blei, Ng and Jordan 2003, section 3). The label of a document is its largest topic.

    Raises ValueError for sizes or a document_length below 1, and for a concentration that is not
    positive and finite; TypeError for a size that is no int.
    """
    integer("n_documents", n_documents, low=1)
    integer("n_words", n_words, low=1)
    integer("n_topics", n_topics, low=1)
    number("document_length", document_length, low=1)
    number("concentration", concentration, low=0, open_ends="low")
    number("topic_concentration", topic_concentration, low=0, open_ends="low")
    rng = np.random.default_rng(seed)
    topics = np.empty((n_topics, n_words), np.float32)
    for k in range(n_topics):  # one at a time: float64 scratch of one topic, not of all
        topics[k] = _dirichlet(topic_concentration, (n_words,), rng)
    theta = _dirichlet(concentration, (n_documents, n_topics), rng)
    lengths = 1 + rng.poisson(document_length - 1, n_documents)
    tokens = rng.multinomial(lengths, theta)  # [D, K]

    documents, words = [], []
    for k in range(n_topics):
        total = int(tokens[:, k].sum())
        cumulative = np.cumsum(topics[k], dtype=np.float64)
        # Sorted draws walk through the table once instead of jumping about in it.
        draws = np.sort(rng.random(total)) * cumulative[-1]
        found = np.searchsorted(cumulative, draws, side="right").astype(np.int32)
        words.append(rng.permutation(np.minimum(found, n_words - 1)))
        documents.append(np.repeat(np.arange(n_documents, dtype=np.int32), tokens[:, k]))
    places = (np.concatenate(documents), np.concatenate(words))
    counts = sp.coo_array(
        (np.ones(places[0].size, np.float32), places), shape=(n_documents, n_words)
    )
    corpus = Corpus.from_scipy(
        counts.tocsr(),
        vocabulary=_names("word", n_words),
        labels=np.array(_names("topic", n_topics))[theta.argmax(1)].tolist(),
    )
    return corpus, topics, theta.astype(np.float32)


def _dirichlet(
    alpha: float, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Symmetric Dirichlet draws along the last axis, in log space so that small alpha works."""
    # Gamma(a) = Gamma(a + 1) · U^(1/a); U in (0, 1].
    logs = np.log(rng.standard_gamma(alpha + 1, shape))
    logs += np.log1p(-rng.random(shape)) / alpha
    logs -= logs.max(-1, keepdims=True)
    draws = np.exp(logs, out=logs)
    draws /= draws.sum(-1, keepdims=True)
    return draws


def _names(stem: str, n: int) -> list[str]:
    width = len(str(n - 1))
    return [f"{stem}{i:0{width}d}" for i in range(n)]
