"""Counts of documents whose vocabulary is known only when all of them have been read."""

from __future__ import annotations

import io
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, TypeVar, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ntm_fast.data.text.tokenisation import in_nfc
from ntm_fast.data.text.tokens import Counted

T = TypeVar("T", np.int32, np.int64)


class CsrBlock(NamedTuple):
    """Some documents in CSR form, columns rising within each."""

    lengths: NDArray[np.int64]  # [D] nonzeros of each
    indices: NDArray[np.int32]  # [N]
    counts: NDArray[np.float32]  # [N]


class WordCounts:
    """Takes chunks of counts under provisional ids of words, gives them back under final ones.

    In memory are the distinct words, two numbers for each of them, and one chunk; the counts are
    in a file without a name in `folder`, of 8 bytes for each word of each document, which the
    system removes with the process at the latest. Without a folder they are in memory too.

    Parameters
    ----------
    vocabulary : the words to count, whose places are their ids; None counts all there are
    folder : where the file is made
    """

    def __init__(self, vocabulary: Sequence[str] | None, folder: Path | None) -> None:
        self.ids: dict[str, int]
        if vocabulary is None:
            self.ids = defaultdict(itertools.count().__next__)
        else:
            self.ids = _by_word(vocabulary)
        self.fixed = vocabulary is not None
        self.stop_words = 0  # how many were left out
        self._words_read: list[NDArray[np.float64]] = []
        self.n_documents = 0
        self._frequency = np.zeros(len(self.ids), np.int64)
        self._totals = np.zeros(len(self.ids), np.int64)
        self._sizes: list[tuple[int, int]] = []  # documents and nonzeros of each chunk
        self._file = cast(
            "IO[bytes]",
            io.BytesIO() if folder is None else tempfile.TemporaryFile(dir=folder),  # noqa: SIM115
        )

    @property
    def frequency(self) -> NDArray[np.int64]:
        """Documents that have the word, by provisional id."""
        return self._frequency[: len(self.ids)]

    @property
    def totals(self) -> NDArray[np.int64]:
        """Sum of the word's counts, by provisional id."""
        return self._totals[: len(self.ids)]

    @property
    def words_read(self) -> NDArray[np.float64]:
        """All words of each document [D], known or not; of a fixed vocabulary alone."""
        return np.concatenate([np.zeros(0), *self._words_read])

    def known_words(self, columns: NDArray[np.int32]) -> float:
        """Share of all words read that have a column; stop words do not count as read."""
        read = float(self.totals.sum())
        if self.fixed:
            read = float(sum(part.sum() for part in self._words_read))
        return float(self.totals[columns >= 0].sum()) / max(read, 1.0)

    def add(self, chunk: Counted) -> None:
        """Take the counts of the documents that follow."""
        size = len(chunk.words)
        self.stop_words += chunk.stop_words
        if self.fixed:
            owners = np.repeat(np.arange(chunk.lengths.size), chunk.lengths)
            read = np.bincount(owners, chunk.counts, chunk.lengths.size)
            self._words_read.append(read.astype(np.float64))
            places = np.array([self.ids.get(word, -1) for word in chunk.words], np.int32)
        else:
            places = np.fromiter(map(self.ids.__getitem__, chunk.words), np.int32, size)
            self._make_room()
        known = places >= 0
        self._frequency[places[known]] += np.bincount(chunk.ids, minlength=size)[known]
        # float64 holds such sums exactly: they are below 2^53.
        totals = np.bincount(chunk.ids, chunk.counts, size).astype(np.int64)
        self._totals[places[known]] += totals[known]
        kept = _replaced(chunk, places)
        self.n_documents += kept.lengths.size
        self._sizes.append((kept.lengths.size, kept.ids.size))
        for part in kept[1:4]:
            self._file.write(part.data)

    def _make_room(self) -> None:
        missing = len(self.ids) - self._frequency.size
        if missing > 0:  # at least as much again, so that it is rarely needed
            room = np.zeros(max(missing, self._frequency.size), np.int64)
            self._frequency = np.concatenate([self._frequency, room])
            self._totals = np.concatenate([self._totals, room])

    def blocks(self, columns: NDArray[np.int32], n_words: int) -> Iterator[CsrBlock]:
        """All documents in order, in chunks; `columns` [words] are final ids, −1 leaves one out."""
        self._file.seek(0)
        for n_documents, n_nonzeros in self._sizes:
            lengths = self._read(n_documents, np.int64)
            ids, counts = (self._read(n_nonzeros, np.int32) for _ in range(2))
            _, lengths, ids, counts, _ = _replaced(Counted([], lengths, ids, counts), columns)
            indptr = np.concatenate([[0], np.cumsum(lengths)])
            matrix = sp.csr_array(
                (counts.astype(np.float32), ids, indptr), shape=(n_documents, n_words)
            )
            matrix.sort_indices()
            yield CsrBlock(lengths, matrix.indices.astype(np.int32, copy=False), matrix.data)

    def close(self) -> None:
        """Let go of the counts."""
        self._file.close()

    def _read(self, size: int, kind: type[T]) -> NDArray[T]:
        data = self._file.read(size * np.dtype(kind).itemsize)
        return np.frombuffer(data, kind, size)


def _by_word(vocabulary: Sequence[str]) -> dict[str, int]:
    """Places of words in a vocabulary, by their composed form: that is how texts have them."""
    ids = {in_nfc(word): v for v, word in enumerate(vocabulary)}
    if len(ids) < len(vocabulary):
        again = next(word for v, word in enumerate(vocabulary) if ids[in_nfc(word)] != v)
        raise ValueError(f"vocabulary has {again!r} twice, composed and decomposed")
    return ids


def _replaced(chunk: Counted, places: NDArray[np.int32]) -> Counted:
    """The counts with `places` of ids in their stead, without those that are −1."""
    ids = places[chunk.ids]
    kept = ids >= 0
    before = np.concatenate([[0], np.cumsum(kept)])  # nonzeros kept so far
    lengths = np.diff(before[np.cumsum(chunk.lengths)], prepend=0)
    return Counted([], lengths, ids[kept], chunk.counts[kept])
