"""How much the topics' top words repeat each other.

A small vocabulary forces repeats: of V words, K topics' top n can be different only if K n <= V.
Otherwise the best values possible are TD = V / (K n), the same for the mean of TU, and more than 0
for TR: two topics share at least 2n - V words. Compare models at the same K, n and V.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ntm_fast.metrics.topics import check_top_words

__all__ = ["redundancy", "topic_diversity", "topic_uniqueness"]


def topic_diversity(top_words: npt.ArrayLike, n: int = 25) -> float:
    """TD: the share of distinct words among the n top words of all topics, in (0, 1].

    TD = |union of the topics' top n| / (K n), Dieng, Ruiz & Blei 2020.
    1 when no word is shared, 1/K when all topics are the same. With a vocabulary of V words it
    is at most V / (K n).

    Parameters
    ----------
    top_words : int or str array [K, >= n]
        Best word first.
    n : int
        Words per topic that count.

    Raises
    ------
    ValueError
        If top_words has fewer than n columns or repeats a word within a topic.
    """
    words = check_top_words(top_words, n)
    return len(np.unique(words)) / words.size


def topic_uniqueness(top_words: npt.ArrayLike, n: int = 25) -> npt.NDArray[np.float64]:
    """TU of each topic [K]: the mean over its n top words of 1 / (topics that share the word).

    Nan, Ding, Nallapati & Xiang 2019. 1 when none of its words is shared, 1/K when
    every topic has them all. The mean over topics equals `topic_diversity` at the same n, since
    each distinct word contributes 1 in total.

    Parameters and errors as in `topic_diversity`.
    """
    counts = _topics_per_word(check_top_words(top_words, n))
    return np.asarray((1.0 / counts).mean(axis=1))


def redundancy(top_words: npt.ArrayLike, n: int = 10) -> npt.NDArray[np.float64]:
    """TR of each topic [K]: its top words found in another topic's, averaged over the others.

    TR(k) = 1/(K-1) sum_{i <= n} sum_{j != k} [w_ik in the top n of j], Burkhardt & Kramer 2019.
    Between 0 (nothing shared) and n (all topics the same); 0 for K = 1. With K n > V words have
    to be shared: for K = 2 at least 2n - V.

    Parameters and errors as in `topic_diversity`.
    """
    words = check_top_words(top_words, n)
    counts = _topics_per_word(words)
    return np.asarray((counts - 1).sum(axis=1) / max(len(words) - 1, 1))


def _topics_per_word(words: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """For each top word [K, n] the number of topics that have it."""
    _, inverse, counts = np.unique(words, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse.reshape(words.shape)])
