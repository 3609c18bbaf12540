"""In how many documents, or windows of text, the words of each topic occur and meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse

from ntm_fast.checks import as_array
from ntm_fast.data import Corpus

__all__ = ["Cooccurrence", "count_documents", "count_windows"]

Ints = npt.NDArray[np.int64]
CHUNK = 1 << 22  # nonzeros or tokens at a time: bounds the memory beyond the corpus


class Cooccurrence(NamedTuple):
    """Counts over documents or windows: `n_units` in all, `joint` [K, n, n] for each topic.

    joint[k, i, j] is the number that hold both word i and word j of topic k; the diagonal is the
    number that hold word i.
    """

    joint: Ints
    n_units: int


def count_documents(top_words: npt.NDArray[Any], corpus: Corpus) -> Cooccurrence:
    """Boolean document co-occurrence of the top words [K, n] (ids or strings) in a corpus.

    O(nonzeros + sum over topics of the nonzeros of their words); only those columns are read.
    """
    ids = word_ids(top_words, corpus.vocabulary)
    columns, slots = np.unique(ids, return_inverse=True)
    lookup = np.full(len(corpus.vocabulary), -1, dtype=np.int32)
    lookup[columns] = np.arange(len(columns), dtype=np.int32)

    joint = np.zeros((*ids.shape, ids.shape[1]), dtype=np.int64)
    indptr = corpus.indptr
    for first, last in _row_blocks(indptr):
        start, stop = indptr[first], indptr[last]
        slot = lookup[corpus.indices[start:stop]]
        kept = np.flatnonzero(slot >= 0)
        row = np.repeat(np.arange(last - first), np.diff(indptr[first : last + 1]))[kept]
        matrix = _boolean(row, slot[kept], (last - first, len(columns)))
        joint += _topic_products(matrix, slots.reshape(ids.shape), None)
    return Cooccurrence(joint, corpus.n_documents)


def count_windows(
    top_words: npt.NDArray[Any],
    texts: Iterable[Any],
    window: int | None,
    vocabulary: Sequence[str] | None = None,
) -> Cooccurrence:
    """Boolean sliding-window co-occurrence of the top words [K, n] in tokenised texts.

    A text of L tokens has max(1, L - window + 1) windows; None means one window per text. Texts
    are lists of strings or arrays of word ids and are read once, so a generator will do.

    As in gensim's accumulator, when the token that leaves a window has another copy inside it,
    its word counts as absent until it enters again; without that, figures would not be comparable
    with those published. Instead of one window at a time, each occurrence gives an interval of
    window positions; runs of windows with equal content are counted once, with their length.
    """
    columns, slots = np.unique(top_words, return_inverse=True)
    slots = slots.reshape(top_words.shape)
    joint = np.zeros((*top_words.shape, top_words.shape[1]), dtype=np.int64)
    n_units = 0
    # One token can be in as many runs as a window holds, so wide windows get smaller blocks.
    chunk = CHUNK // min(window or 1, 64)
    for tokens, lengths in _token_blocks(texts, Encoder(columns, vocabulary), chunk):
        n_windows = np.ones_like(lengths) if window is None else lengths - (window - 1)
        np.maximum(n_windows, 1, out=n_windows)
        n_units += int(n_windows.sum())

        at = np.flatnonzero(tokens >= 0)
        if len(at) == 0:
            continue
        token_start = np.cumsum(lengths) - lengths
        window_start = np.cumsum(n_windows) - n_windows
        text = np.searchsorted(token_start, at, side="right") - 1
        # Empty texts share their start with the next one: side="right" finds the last, the owner.
        first, last = _present(tokens[at], text, at - token_start[text], n_windows, lengths)
        first += window_start[text]
        last += window_start[text]

        edges = np.unique(np.concatenate((first, last + 1)))
        begin, end = np.searchsorted(edges, first), np.searchsorted(edges, last + 1)
        size = end - begin
        run = np.arange(size.sum()) + np.repeat(begin - (np.cumsum(size) - size), size)
        matrix = _boolean(run, np.repeat(tokens[at], size), (len(edges), len(columns)))
        joint += _topic_products(matrix, slots, np.diff(edges, append=edges[-1]))
    return Cooccurrence(joint, n_units)


def word_ids(top_words: npt.NDArray[Any], vocabulary: Sequence[str]) -> Ints:
    """Top words as ids, strings looked up; ValueError for one that is not in the vocabulary."""
    if top_words.dtype.kind == "U":
        place = {word: i for i, word in enumerate(vocabulary)}
        unknown = [str(word) for word in top_words.flat if word not in place]
        if unknown:
            raise ValueError(f"top_words holds {unknown[0]!r}, which the vocabulary lacks")
        ids = np.array([place[word] for word in top_words.flat], dtype=np.int64)
        return ids.reshape(top_words.shape)
    if top_words.max() >= len(vocabulary):
        raise ValueError(
            f"top_words holds id {top_words.max()}; expected < {len(vocabulary)}, the vocabulary"
        )
    return top_words


def _present(
    slot: Ints, text: Ints, position: Ints, n_windows: Ints, lengths: Ints
) -> tuple[Ints, Ints]:
    """First and last window (within its text) in which each occurrence keeps its word present.

    An occurrence at position i enters with the window that starts at i - window + 1 and its word
    leaves with the earliest copy inside that window (see `count_windows`).
    """
    window = lengths[text] - n_windows[text] + 1
    first = np.maximum(position - window + 1, 0)
    # Sort by (text, word, position), then find the first copy at or after `first`.
    order = np.lexsort((position, slot, text))
    stride = int(lengths.max()) + 1
    group = np.cumsum(
        np.diff(slot[order], prepend=-1).astype(bool)
        | np.diff(text[order], prepend=-1).astype(bool)
    )
    key = group * stride
    earliest = np.searchsorted(key + position[order], key + first[order])
    last = np.empty_like(first)
    last[order] = position[order][earliest]
    return first, np.minimum(last, n_windows[text] - 1)


def _boolean(row: Ints, column: npt.NDArray[Any], shape: tuple[int, int]) -> scipy.sparse.csc_array:
    matrix = scipy.sparse.csc_array((np.ones(len(row)), (row, column)), shape=shape)
    matrix.data[:] = 1  # repeats were summed
    return matrix


def _topic_products(matrix: scipy.sparse.csc_array, slots: Ints, weight: Ints | None) -> Ints:
    """Xᵀ diag(weight) X over each topic's own columns: [K, n, n], exact in float64."""
    joint = np.empty((*slots.shape, slots.shape[1]), dtype=np.int64)
    for topic, columns in enumerate(slots):
        chosen = matrix[:, columns]
        weighted = chosen if weight is None else chosen.copy()
        if weight is not None:
            weighted.data *= weight[weighted.indices]
        joint[topic] = (chosen.T @ weighted).toarray()
    return joint


def _row_blocks(indptr: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of rows with about CHUNK nonzeros each."""
    first = 0
    while first < len(indptr) - 1:
        last = int(np.searchsorted(indptr, indptr[first] + CHUNK, side="right")) - 1
        last = min(max(last, first + 1), len(indptr) - 1)
        yield first, last
        first = last


def _token_blocks(texts: Iterable[Any], encode: Encoder, chunk: int) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of (column of each token or -1, length of each text), about chunk tokens each."""
    block: list[Ints] = []
    n_tokens = 0
    for number, text in enumerate(texts):
        block.append(encode(text, number))
        n_tokens += len(block[-1])
        if n_tokens >= chunk:
            yield _joined(block)
            block, n_tokens = [], 0
    if block:
        yield _joined(block)


def _joined(block: list[Ints]) -> tuple[Ints, Ints]:
    return np.concatenate(block), np.array([len(slots) for slots in block], dtype=np.int64)


class Encoder:
    """Turns a tokenised text into the column of each token, -1 for words not in use."""

    def __init__(self, columns: npt.NDArray[Any], vocabulary: Sequence[str] | None) -> None:
        self.columns, self.vocabulary = columns, vocabulary
        self.of_word: dict[str, int] | None = None
        self.of_id: Ints | None = None

    def __call__(self, text: Any, number: int) -> Ints:
        if isinstance(text, (str, bytes)) or not isinstance(text, Iterable):
            raise TypeError(
                f"texts[{number}] is {text!r:.40}; expected its tokens: strings or word ids"
            )
        tokens = text if isinstance(text, (list, tuple, np.ndarray)) else list(text)
        if len(tokens) == 0:
            return np.empty(0, dtype=np.int64)
        if isinstance(tokens[0], str):
            table = self._words()
            return np.fromiter((table.get(token, -1) for token in tokens), np.int64, len(tokens))
        ids = as_array(f"texts[{number}]", tokens)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise TypeError(
                f"texts[{number}] is an array of {ids.dtype} of shape {ids.shape}; "
                "expected its tokens: strings or word ids"
            )
        if ids.min() < 0:
            raise ValueError(f"texts[{number}] holds {ids.min()}; expected word ids >= 0")
        lookup = self._ids()
        return np.asarray(lookup[np.minimum(ids, len(lookup) - 1)])

    def _words(self) -> dict[str, int]:
        if self.of_word is None:
            words: Sequence[str] = self.columns.tolist()
            if self.columns.dtype.kind != "U":
                names = self._vocabulary("top_words holds ids and texts hold strings")
                word_ids(self.columns, names)
                words = [names[i] for i in self.columns]
            self.of_word = {word: slot for slot, word in enumerate(words)}
        return self.of_word

    def _ids(self) -> Ints:
        if self.of_id is None:
            ids = self.columns
            if ids.dtype.kind == "U":
                names = self._vocabulary("top_words holds strings and texts hold ids")
                ids = word_ids(ids, names)
            self.of_id = np.full(int(ids.max()) + 2, -1, dtype=np.int64)
            self.of_id[ids] = np.arange(len(ids))
        return self.of_id

    def _vocabulary(self, why: str) -> Sequence[str]:
        if self.vocabulary is None:
            raise ValueError(f"vocabulary is None; expected the words, since {why}")
        return self.vocabulary
