"""Top words of topics, and the check that every measure over them shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ntm_fast.checks import as_array, integer, number
from ntm_fast.data import Corpus

__all__ = ["relevance_of_words", "top_words"]

# The estimators rank words by this; see `relevance_of_words`. Sievert & Shirley's readers did best
# with 0.6. On validation splits LDAVAE's topics were as coherent with this as with larger values,
# at 2,000 and at 54,000 words, and more diverse; with less, rare words dominate at 54,000.
RELEVANCE = 0.25


def top_words(
    components: npt.ArrayLike, n: int = 10, *, relevance: float = 1.0
) -> npt.NDArray[np.int64]:
    """Ids of the n heaviest words of each topic, heaviest first, ties by lower id.

    Parameters
    ----------
    components : array [K, V]
        Any score of word v in topic k: probabilities, weights, counts. NumPy array, nested list
        or CPU tensor; only the order within a row matters.
    n : int
        Words per topic, 1 <= n <= V.
    relevance : float
        λ of `relevance_of_words`, by which the words are ranked where it is below 1; components
        must then be >= 0.

    Returns
    -------
    int64 array [K, n]

    Raises
    ------
    ValueError
        If components is not two-dimensional, holds NaN, or n or relevance is out of range.

    Notes
    -----
    O(K V) by selection, then a sort of n. In plain PyTorch
    ``components.argsort(dim=1, descending=True, stable=True)[:, :n]``.
    """
    scores = as_array("components", components)
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(f"components has shape {scores.shape}; expected [K, V] with K, V >= 1")
    if scores.dtype.kind not in "fiub":
        raise ValueError(f"components has dtype {scores.dtype}; expected real numbers")
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        raise ValueError("components holds NaN; expected real numbers")
    n_words = scores.shape[1]
    n = integer("n", n, low=1, high=n_words)
    if relevance != 1:
        scores = relevance_of_words(scores, relevance)

    result = np.empty((len(scores), n), dtype=np.int64)
    for row, out in zip(scores, result, strict=True):
        # argpartition picks any of the words tied at the boundary; take those of lowest id.
        threshold = row[np.argpartition(row, n_words - n)[n_words - n]]
        above = np.flatnonzero(row > threshold)
        tied = np.flatnonzero(row == threshold)[: n - len(above)]
        # A stable sort of the reversed ids, reversed: falling score, then rising id.
        falling = above[::-1][np.argsort(row[above[::-1]], kind="stable")][::-1]
        out[:] = np.concatenate((falling, tied))
    return result


def relevance_of_words(components: npt.ArrayLike, weight: float) -> npt.NDArray[np.float64]:
    """Relevance of each word to each topic [K, V]: its probability relative to all topics'.

    r_kv = λ log β_kv + (1 − λ) log(β_kv / mean_j β_jv); a word of probability 0 has −inf. With
    λ = 1 topics are ranked by probability, with 0 by lift, which favours rare words.

    Source: Sievert & Shirley, "LDAvis", 2014, with the topics' mean in place of the corpus's
    word frequencies: a topic is set against the others, whichever of them the corpus uses most.

    Parameters
    ----------
    components : array [K, V], >= 0
        Topics as distributions over words.
    weight : float
        λ, in [0, 1].

    Raises
    ------
    ValueError, TypeError
        If weight is out of range or no number, or components holds a negative number.
    """
    number("relevance", weight, low=0, high=1)
    beta = as_array("components", components).astype(np.float64)
    if (beta < 0).any():
        raise ValueError(f"components holds {beta.min()}; expected >= 0 where words are set apart")
    with np.errstate(divide="ignore"):
        shared = np.log(beta.mean(axis=0))
        np.log(beta, out=beta)
    beta -= (1 - weight) * np.where(np.isfinite(shared), shared, 0)
    return beta


def trained_model(model: Any, *methods: str) -> Any:
    """The model that an estimator holds, or itself; TypeError unless it has all the methods."""
    inner = getattr(model, "model_", model)
    for method in methods:
        if not hasattr(inner, method):
            raise TypeError(
                f"model is a {type(model).__name__}; expected a fitted estimator, or a model with"
                f" the method {method}"
            )
    return inner


def check_corpus(corpus: Any) -> None:
    """TypeError unless it is a corpus; a matrix of counts is none."""
    if not isinstance(corpus, Corpus):
        raise TypeError(
            f"corpus is a {type(corpus).__name__}; expected a Corpus (Corpus.from_scipy makes one"
            " of a matrix of counts)"
        )


def documents_for(model: Any, corpus: Any) -> Corpus:
    """The corpus, checked, in the words of the model if it is an estimator, which knows them.

    A bare `TopicModel` knows how many words it has, not which.
    """
    check_corpus(corpus)
    reads = hasattr(model, "model_") and hasattr(model, "read")
    return model.read(corpus) if reads else corpus  # type: ignore[no-any-return]


def check_top_words(words: npt.ArrayLike, n: int, low: int = 1) -> npt.NDArray[Any]:
    """The first n columns of top words as an int64 or str array [K, n], checked.

    Raises ValueError if they are not [K, >= n] ids >= 0 or strings, distinct within a topic.
    """
    array = as_array("top_words", words)
    if array.ndim != 2 or len(array) == 0:
        raise ValueError(f"top_words has shape {array.shape}; expected [K, n] with K >= 1")
    n = integer("n", n, low=low)
    if n > array.shape[1]:
        raise ValueError(f"n is {n}; expected <= {array.shape[1]}, the columns of top_words")
    array = array[:, :n]
    if array.dtype.kind == "O" and all(isinstance(word, str) for word in array.flat):
        array = array.astype(str)
    if array.dtype.kind in "iu":
        array = array.astype(np.int64)
        if array.min() < 0:
            raise ValueError(f"top_words holds {array.min()}; expected word ids >= 0")
    elif array.dtype.kind != "U":
        raise TypeError(f"top_words has dtype {array.dtype}; expected word ids or strings")
    ordered = np.sort(array, axis=1)
    repeats = np.argwhere(ordered[:, 1:] == ordered[:, :-1])
    if len(repeats):
        topic, column = repeats[0]
        raise ValueError(
            f"top_words[{topic}] repeats {ordered[topic, column].item()!r}; "
            "expected distinct words within a topic"
        )
    return array
