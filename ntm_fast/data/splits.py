"""Random splits, of documents and of the tokens within them, fixed by a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ntm_fast.checks import number
from ntm_fast.data.corpus import Corpus

_BLOCK = 1 << 22  # tokens shuffled together
_WHOLE_SORT = 100  # tokens a document up to which all documents are sorted together


def split_tokens(corpus: Corpus, fraction: float = 0.5, seed: int = 0) -> tuple[Corpus, Corpus]:
    """Split every document's tokens at random, for document completion.

    A document of n tokens gives floor(n·fraction + ½) to the first corpus, drawn without
    replacement (multivariate hypergeometric), and the rest to the second. Both hold the same
    documents in the same order, and their counts add up to the given ones (exactly below 2^24,
    float32's whole numbers). A fractional weight c counts as floor(c) tokens; its remainder goes
    whole to the first corpus with probability `fraction`, else to the second (so weights below
    1 are split by words). Documents of more than 10^9 tokens are thinned binomially.

    Raises ValueError unless 0 < fraction < 1, and for a count of 2^53 or more.
    """
    number("fraction", fraction, low=0, high=1, open_ends="low high")
    if corpus.counts.size and corpus.counts.max() >= 2**53:
        raise ValueError(f"counts must be below 2^53 to be split, got {corpus.counts.max()}")
    rng = np.random.default_rng(seed)
    whole = np.floor(corpus.counts).astype(np.int64)
    rest = corpus.counts - whole.astype(np.float32)
    first = _draw(corpus.indptr, whole, fraction, rng).astype(np.float32)
    if rest.any():
        first += np.where(rng.random(rest.size) < fraction, rest, np.float32(0))
    return corpus.with_counts(first), corpus.with_counts(corpus.counts - first)


def _draw(
    indptr: NDArray[np.int64],
    counts: NDArray[np.int64],
    fraction: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """How many of each nonzero's `counts` [N] tokens are drawn, int64 [N]."""
    drawn = np.zeros_like(counts)
    ends = np.concatenate([[0], np.cumsum(counts)])[indptr]  # tokens before each document
    n_documents = indptr.size - 1
    row = 0
    while row < n_documents:
        # As many documents as fit into a block, at least one.
        stop = max(int(np.searchsorted(ends, ends[row] + _BLOCK, side="right")) - 1, row + 1)
        span = slice(int(indptr[row]), int(indptr[stop]))
        lengths = np.diff(ends[row : stop + 1])
        wanted = np.floor(lengths * fraction + 0.5).astype(np.int64)
        if stop == row + 1 and lengths[0] > _BLOCK:
            drawn[span] = _draw_long(counts[span], int(wanted[0]), fraction, rng)
        else:
            owner = np.repeat(np.arange(span.start, span.stop), counts[span])
            document = np.repeat(np.arange(stop - row), lengths)
            chosen = owner[_smallest(document + rng.random(owner.size), lengths, wanted)]
            drawn[span] = np.bincount(chosen - span.start, minlength=span.stop - span.start)
        row = stop
    return drawn


def _smallest(
    keys: NDArray[np.float64], lengths: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Places of the `wanted` smallest keys of each document, in any order.

    Keys of a document are larger than those before it.
    """
    starts = np.cumsum(lengths) - lengths
    if keys.size > _WHOLE_SORT * lengths.size:  # long documents: each by itself, without sorting
        parts = [
            start + np.argpartition(keys[start : start + length], n - 1)[:n]
            for start, length, n in zip(
                starts.tolist(), lengths.tolist(), wanted.tolist(), strict=True
            )
            if n
        ]
        return np.concatenate([*parts, np.zeros(0, np.int64)])
    place = np.arange(keys.size) - np.repeat(starts, lengths)
    return np.argsort(keys)[place < np.repeat(wanted, lengths)]


def _draw_long(
    counts: NDArray[np.int64], wanted: int, fraction: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The draws of one document too long to write out token by token."""
    if int(counts.sum()) < 10**9:  # the most that numpy's exact draw takes
        return rng.multivariate_hypergeometric(counts, wanted)
    return rng.binomial(counts, fraction)
