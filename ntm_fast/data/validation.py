"""Checks of a corpus's parts: errors name argument, value, place and what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntm_fast.data.text.tokenisation import is_missing

_BLOCK = 1 << 22  # values looked at together: temporaries stay small on memory-mapped corpora


def _blocks(size: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, size, _BLOCK))


def _require_kind(name: str, array: NDArray[Any], kinds: str, expected: str) -> None:
    if array.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension, got shape {array.shape}")
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name} must hold {expected}, got dtype {array.dtype}")


def checked_indptr(indptr: NDArray[Any], n_nonzeros: int) -> NDArray[np.int64]:
    """`indptr` [D+1] as int64, or an error unless it rises from 0 to `n_nonzeros`."""
    _require_kind("indptr", indptr, "iu", "integers")
    if indptr.size < 2:
        raise ValueError(
            f"empty corpus: indptr has {indptr.size} entries, expected at least 2 (one document)"
        )
    if indptr[0] != 0:
        raise ValueError(f"indptr[0] must be 0, got {indptr[0]}")
    if indptr[-1] != n_nonzeros:
        raise ValueError(
            f"indptr[-1] must equal the number of nonzeros, {n_nonzeros}, got {indptr[-1]}"
        )
    falls = np.flatnonzero(indptr[1:] < indptr[:-1])
    if falls.size:
        at = int(falls[0])
        raise ValueError(
            f"indptr must not decrease, got indptr[{at}] = {indptr[at]} "
            f"and indptr[{at + 1}] = {indptr[at + 1]}"
        )
    return indptr.astype(np.int64, copy=False)


def require_words(n_documents: int, n_nonzeros: int) -> None:
    """Raise ValueError for a corpus without documents or in which every document is empty."""
    if n_documents < 1:
        raise ValueError("empty corpus: it has no documents, expected at least one")
    if not n_nonzeros:
        raise ValueError(
            f"every document is empty: {n_documents} documents without one count > 0, "
            "expected at least one word in one document"
        )


def checked_indices(indices: NDArray[Any], n_words: int) -> NDArray[np.int32]:
    """`indices` [N] as int32, or an error unless all lie in [0, n_words)."""
    _require_kind("indices", indices, "iu", "integers")
    for block in _blocks(indices.size):
        values = indices[block]
        if values.min() < 0 or values.max() >= n_words:
            at = block.start + int(np.flatnonzero((values < 0) | (values >= n_words))[0])
            raise ValueError(
                f"indices[{at}] = {indices[at]} is out of range: "
                f"expected 0 <= index < {n_words}, the number of words"
            )
    return indices.astype(np.int32, copy=False)


def checked_counts(counts: NDArray[Any]) -> NDArray[np.float32]:
    """`counts` [N] as float32, or an error unless all are finite and >= 0."""
    _require_kind("counts", counts, "biuf", "real numbers")
    largest = np.finfo(np.float32).max
    for block in _blocks(counts.size):
        values = counts[block]
        good = (values >= 0) & (values <= largest)  # False for NaN too
        if not good.all():
            at = block.start + int(np.flatnonzero(~good)[0])
            raise ValueError(
                f"counts[{at}] = {counts[at]} is not a count: expected a finite number "
                f">= 0 that float32 can hold"
            )
    return counts.astype(np.float32, copy=False)


def is_canonical(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], counts: NDArray[np.float32]
) -> bool:
    """Whether columns rise strictly within each row and no count is zero."""
    for block in _blocks(indices.size):
        if not counts[block].all():
            return False
        first = max(block.start, 1)
        steps = indices[first : block.stop] > indices[first - 1 : min(block.stop, indices.size) - 1]
        falls = np.flatnonzero(~steps) + first
        # A fall is fine where a row starts.
        if falls.size and not np.array_equal(indptr[np.searchsorted(indptr, falls)], falls):
            return False
    return True


def checked_vocabulary(
    words: Sequence[str] | Mapping[str, int],
    n_words: int | None = None,
    name: str | Path = "vocabulary",
) -> tuple[str, ...]:
    """The vocabulary [V] as a tuple, or an error: one line of text each, no repeats.

    A mapping of words to columns, as `CountVectorizer.vocabulary_`, is put in columns' order.
    `name` is what errors name: an argument, or the file whose lines the words are.
    """
    if isinstance(words, Mapping):
        words = _by_column(words)
    elif isinstance(words, Set):
        raise TypeError("vocabulary is a set, which has no order: expected words in columns' order")
    vocabulary = _checked_lines(name, words, n_words, "the number of words")
    if not vocabulary:
        raise ValueError("empty corpus: the vocabulary has no words, expected at least 1")
    for at, word in enumerate(vocabulary):
        if not word.strip():
            raise ValueError(f"{_item(name, at, word)} is empty, expected a word")
    if len(set(vocabulary)) < len(vocabulary):
        seen: dict[str, int] = {}
        for at, word in enumerate(vocabulary):
            if word in seen:
                raise ValueError(
                    f"{_item(name, at, word)} repeats {_place(name, seen[word])}, "
                    "expected distinct words"
                )
            seen[word] = at
    return vocabulary


def _by_column(columns: Mapping[str, int]) -> list[str]:
    """Words in the order of their columns, which must be 0 … V − 1."""
    if set(columns.values()) != set(range(len(columns))):
        raise ValueError(
            f"vocabulary maps {len(columns)} words to columns that are not 0 to {len(columns) - 1}"
        )
    return sorted(columns, key=lambda word: columns[word])


def checked_strings(
    name: str, values: Sequence[Any], n_documents: int, start: int = 0
) -> tuple[str, ...]:
    """Labels or document ids [D] as a tuple of str: whole numbers become text, missing cells empty.

    `start` is the place of the first one, for messages.
    """
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, str):
        values = [_as_line(value) for value in values]
    return _checked_lines(name, values, n_documents, "the number of documents", start)


def _as_line(value: Any) -> Any:
    if is_missing(value):
        return ""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))  # pandas makes 2.0 of 2 in a column with missing cells
    return value


def _place(name: str | Path, at: int) -> str:
    return f"line {at + 1}" if isinstance(name, Path) else f"{name}[{at}]"


def _item(name: str | Path, at: int, value: object) -> str:
    place = _place(name, at)
    return f"{name}, {place}: {value!r}" if isinstance(name, Path) else f"{place} = {value!r}"


def _checked_lines(
    name: str | Path, values: Sequence[Any], length: int | None, meaning: str, start: int = 0
) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError(f"{name} must be a sequence of str, got the single str {values[:50]!r}")
    lines = tuple(values)
    if length is not None and len(lines) != length:
        size = f"{len(lines)} entries" if isinstance(name, Path) else f"length {len(lines)}"
        raise ValueError(f"{name} has {size}, expected {length}, {meaning}")
    for at, line in enumerate(lines, start):
        if not isinstance(line, str):
            raise TypeError(f"{_item(name, at, line)} must be a str, got {type(line).__name__}")
    # One pass over the whole text is far cheaper than a look at each line.
    text = "".join(lines)
    if "\n" in text or "\r" in text:
        at = next(i for i, line in enumerate(lines) if "\n" in line or "\r" in line)
        expected = "lines that end in \\n alone" if isinstance(name, Path) else "one line"
        raise ValueError(
            f"{_item(name, at + start, lines[at])} holds a line break, expected {expected}"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} holds text that is not valid Unicode: {error}") from None
    return tuple(str(line) for line in lines) if any(type(x) is not str for x in lines) else lines
