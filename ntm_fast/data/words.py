"""Leaving words out of a corpus that is counted already."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from ntm_fast.data.corpus import Corpus


def select_words(
    corpus: Corpus,
    *,
    stop_words: str | Collection[str] | None = None,
    min_df: int | float = 1,
    max_df: int | float = 1.0,
    max_features: int | None = None,
) -> Corpus:
    """The same documents, in the words that are left; options as of `vectorise`.

    Parameters
    ----------
    corpus : Corpus
    stop_words : "english" (scikit-learn's list), a collection of words to leave out, or None
    min_df, max_df : words in fewer documents than `min_df` or more than `max_df` are left out; a
        float is a share of the documents, an int a number
    max_features : keep only so many words, the most frequent

    Raises
    ------
    TypeError
        If a limit is no number.
    ValueError
        If a limit is out of range, stop_words another string, or no word is left.
    """
    if isinstance(stop_words, str):
        if stop_words != "english":
            raise ValueError(f"stop_words is {stop_words!r}; expected 'english' or words")
        stop_words = ENGLISH_STOP_WORDS
    matrix = corpus.to_scipy()
    frequency = np.bincount(matrix.indices[matrix.data > 0], minlength=corpus.n_words)
    if stop_words:
        listed = set(stop_words)
        frequency[[word in listed for word in corpus.vocabulary]] = -1
    words = words_within(
        frequency,
        np.asarray(matrix.sum(axis=0)).ravel(),
        corpus.n_documents,
        min_df=min_df,
        max_df=max_df,
        max_features=max_features,
    )
    if not words.size:
        raise ValueError(
            f"no words are left: every word is a stop word or lies outside min_df={min_df},"
            f" max_df={max_df}"
        )
    return Corpus.from_scipy(
        matrix[:, words],
        [corpus.vocabulary[v] for v in words],
        corpus.labels,
        corpus.document_ids,
    )


def words_within(
    frequency: NDArray[np.int64],
    totals: NDArray[Any],
    n_documents: int,
    *,
    min_df: int | float,
    max_df: int | float,
    max_features: int | None,
) -> NDArray[np.int64]:
    """The words, in rising order, whose document frequencies [V] lie within the limits.

    Of them the `max_features` with the largest `totals` [V], the earlier ones of equals. A
    frequency of -1 lies within none. Raises as `select_words` for limits out of range.
    """
    low, high = _documents("min_df", min_df, n_documents), _documents("max_df", max_df, n_documents)
    if max_features is not None and max_features < 1:
        raise ValueError(f"max_features is {max_features}; expected >= 1")
    kept = np.flatnonzero((frequency >= low) & (frequency <= high))
    if max_features is not None:
        kept = np.sort(kept[np.argsort(-totals[kept], kind="stable")[:max_features]])
    return kept


def _documents(name: str, limit: int | float, n_documents: int) -> float:
    """A limit as a number of documents."""
    if isinstance(limit, bool) or not isinstance(limit, Real):
        raise TypeError(f"{name} is {limit!r}; expected a number")
    if isinstance(limit, Integral):
        if limit < 1:
            raise ValueError(f"{name} is {limit}; expected >= 1, or a share such as 0.5")
        return int(limit)
    if not 0 <= limit <= 1:
        raise ValueError(f"{name} is {limit}; expected a share in [0, 1], or an int")
    return float(limit * n_documents)
