"""Some documents of a corpus, of which nothing is copied: a corpus may be larger than memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ntm_fast.data import storage
from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import Origin

_BLOCK = 1 << 16  # documents copied together


@dataclass(frozen=True, eq=False)
class Part:
    """The documents `rows` (int64 [D]) of a corpus, to train and evaluate with as with a corpus."""

    corpus: Corpus
    rows: NDArray[np.int64]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words of the corpus."""
        return self.corpus.vocabulary

    @property
    def origin(self) -> Origin | None:
        """How the corpus was made."""
        return self.corpus.origin

    @property
    def numbered(self) -> bool:
        """Whether the vocabulary is no words but the columns' numbers."""
        return self.corpus.numbered

    @property
    def n_words(self) -> int:
        """Number of words V in the vocabulary."""
        return self.corpus.n_words

    @property
    def n_nonzeros(self) -> int:
        """Number of stored counts N of these documents."""
        return int(self.document_nonzeros.sum())

    @property
    def document_nonzeros(self) -> NDArray[np.int64]:
        """Number of distinct words of each document, int64 [D]."""
        return self.corpus.indptr[self.rows + 1] - self.corpus.indptr[self.rows]

    @property
    def nbytes(self) -> int:
        """Size of the arrays that training reads, which are those of the whole corpus."""
        return self.corpus.nbytes + self.rows.nbytes

    def __len__(self) -> int:
        return self.rows.size

    def __repr__(self) -> str:
        return f"Part({len(self):,} documents of {self.corpus!r})"

    def __getitem__(self, rows: slice) -> Corpus:
        """Some of the documents, as a corpus of their own."""
        return self.corpus[self.rows[rows]]

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the documents to `folder`, as `Corpus.save` of a copy of them does."""
        storage.save(self, folder, overwrite=overwrite)

    def blocks(self) -> Iterator[Corpus]:
        """All documents in order, so many at a time as can be copied."""
        return (self[start : start + _BLOCK] for start in range(0, len(self), _BLOCK))
