"""A corpus whose topics are known: each document is mostly about one block of words."""

import numpy as np

from ntm_fast.data import Corpus


def block_corpus(
    n_topics: int = 4, block: int = 10, n_documents: int = 300, length: int = 30, seed: int = 0
) -> Corpus:
    """Topic k owns the words k·block to (k+1)·block − 1; labels are the documents' topics."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(n_topics, size=n_documents)
    p = np.full((n_topics, n_topics * block), 0.04 / (n_topics * block))
    for k in range(n_topics):
        p[k, k * block : (k + 1) * block] += 0.96 / block
    counts = np.stack([rng.multinomial(length, p[k]) for k in topics]).astype(np.float32)
    words = [f"w{v:03d}" for v in range(n_topics * block)]
    return Corpus.from_scipy(counts, words, labels=[str(k) for k in topics])


def blocks_of(top_words: np.ndarray, block: int = 10) -> list[set[int]]:
    """The blocks that each topic's top words [K, n] come from."""
    return [set((words // block).tolist()) for words in np.asarray(top_words)]
