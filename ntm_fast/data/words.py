"""Leaving words out of a corpus that is counted already."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntm_fast.checks import integer
from ntm_fast.data.corpus import Corpus
from ntm_fast.data.text.stop_words import stop_words_of
from ntm_fast.data.validation import require_words


def select_words(
    corpus: Corpus,
    *,
    stop_words: str | Collection[str] | None = None,
    min_df: int | float = 1,
    max_df: int | float = 1.0,
    max_features: int | None = None,
) -> Corpus:
    """The same documents with fewer words; options as for `vectorise`.

    Parameters
    ----------
    corpus : Corpus
    stop_words : a language such as "english", a collection of words to leave out, or None
    min_df, max_df : words in fewer documents than `min_df` or more than `max_df` are left out; a
        float is a share of the documents, an int a number
    max_features : keep only this many words, the most frequent

    Raises
    ------
    TypeError
        If a limit is no number.
    ValueError
        If a limit is out of range, stop_words names no language with a list, or no word is left.
    """
    check_limits(min_df, max_df, max_features)
    listed = stop_words_of(stop_words)
    matrix = corpus.to_scipy()
    frequency = np.bincount(matrix.indices[matrix.data > 0], minlength=corpus.n_words)
    if listed:
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
    kept = corpus.in_words([corpus.vocabulary[v] for v in words.tolist()])
    require_words(len(kept), kept.n_nonzeros)
    if corpus.origin is None or kept.n_words == corpus.n_words:
        return kept
    limits = {"min_df": min_df, "max_df": max_df, "max_features": max_features}
    named = stop_words if isinstance(stop_words, str | None) else f"{len(listed)} given"
    known = corpus.origin.words.get("known", 1.0) * kept.n_tokens / corpus.n_tokens
    return kept.with_origin(
        corpus.origin.with_words(
            selected={n: v for n, v in {"stop_words": named, **limits}.items() if v is not None},
            known=known,
        )
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

    If `max_features` is given, only those with the largest `totals` [V]; ties go to the earlier
    word. A frequency of -1 lies within no limits. Raises as `select_words` does.
    """
    check_limits(min_df, max_df, max_features)
    low, high = _documents("min_df", min_df, n_documents), _documents("max_df", max_df, n_documents)
    kept = np.flatnonzero((frequency >= low) & (frequency <= high))
    if max_features is not None:
        kept = np.sort(kept[np.argsort(-totals[kept], kind="stable")[:max_features]])
    return kept


def check_limits(min_df: Any, max_df: Any, max_features: Any) -> None:
    """Raise as `select_words` does for limits that are out of range for any documents."""
    _documents("min_df", min_df, 1)
    _documents("max_df", max_df, 1)
    if max_features is not None:
        integer("max_features", max_features, low=1)


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
