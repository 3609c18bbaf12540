"""The corpus: word counts of documents in CSR form, with the words they stand for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, SupportsIndex

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ntm_fast.data import saved_corpus, validation
from ntm_fast.data.origin import Origin
from ntm_fast.data.text.tokenisation import in_nfc
from ntm_fast.data.text.word_counts import CsrBlock
from ntm_fast.files import full_path_of

_BLOCK = 1 << 16  # documents whose lengths are summed together


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Counts of words in documents, checked once and never changed afterwards.

    Columns are sorted and unique within a document and zeros are not stored: repeated columns
    are summed, unsorted ones sorted and zeros dropped on the way in, on a copy. Writeable
    arrays are copied, read-only ones (such as memory-mapped files) kept as they are.

    Parameters
    ----------
    indptr : int64 [D+1], document d owns the nonzeros indptr[d] to indptr[d+1] - 1
    indices : int32 [N], word ids in [0, V)
    counts : float32 [N], finite and >= 0; fractional weights are fine
    vocabulary : V distinct words, one line of text each
    labels, document_ids : one line of text for each of the D documents, optional
    origin : how the corpus was made; other documents can be counted alike by it
    numbered : whether the vocabulary is no words but the columns' numbers "0", "1", …
    words_read : all words of each document, float64 [D], known or not; see `known_words`

    Raises
    ------
    ValueError, TypeError
        Naming the argument, its value, its place and what was expected: also for a corpus
        without documents or words, or one in which every document is empty.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    counts: NDArray[np.float32]
    vocabulary: tuple[str, ...]
    labels: tuple[str, ...] | None = None
    document_ids: tuple[str, ...] | None = None
    origin: Origin | None = None
    numbered: bool = False
    words_read: NDArray[np.float64] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        vocabulary = validation.checked_vocabulary(self.vocabulary, None)
        indices, counts = np.asarray(self.indices), np.asarray(self.counts)
        if indices.shape != counts.shape:
            raise ValueError(
                f"indices and counts must have one shape, got {indices.shape} and {counts.shape}"
            )
        indptr = validation.checked_indptr(np.asarray(self.indptr), indices.size)
        indices = validation.checked_indices(indices, len(vocabulary))
        counts = validation.checked_counts(counts)
        if not validation.is_canonical(indptr, indices, counts):
            indptr, indices, counts = _canonical(indptr, indices, counts, len(vocabulary))
        n_documents = indptr.size - 1
        validation.require_words(n_documents, indices.size)
        texts = {
            name: None if value is None else validation.checked_strings(name, value, n_documents)
            for name, value in (("labels", self.labels), ("document_ids", self.document_ids))
        }
        about = {"origin": self.origin, "numbered": self.numbered}
        self._set(_own(indptr), _own(indices), _own(counts), vocabulary, **texts, **about)

    def _set(self, indptr: Any, indices: Any, counts: Any, vocabulary: Any, **rest: Any) -> None:
        for array in (indptr, indices, counts):
            array.flags.writeable = False
        given = dict(indptr=indptr, indices=indices, counts=counts, vocabulary=vocabulary, **rest)
        for part in fields(self):
            object.__setattr__(self, part.name, given.get(part.name))
        object.__setattr__(self, "numbered", bool(self.numbered))

    @classmethod
    def _trusted(cls, *args: Any, **kwargs: Any) -> Corpus:
        """A corpus of arrays that already obey the rules (and may hold no word at all)."""
        corpus = object.__new__(cls)
        corpus._set(*args, **kwargs)
        return corpus

    def _with(self, **changed: Any) -> Corpus:
        """The same corpus, some of its parts replaced by ones that obey the rules."""
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        return Corpus._trusted(**{**parts, **changed})

    # -- sizes ---------------------------------------------------------------------------------

    @property
    def n_documents(self) -> int:
        """Number of documents D."""
        return self.indptr.size - 1

    @property
    def n_words(self) -> int:
        """Number of words V in the vocabulary."""
        return len(self.vocabulary)

    @property
    def n_nonzeros(self) -> int:
        """Number of stored counts N."""
        return self.indices.size

    @property
    def n_tokens(self) -> float:
        """Sum of all counts."""
        return float(self.counts.sum(dtype=np.float64))

    @property
    def document_lengths(self) -> NDArray[np.float64]:
        """Sum of each document's counts, float64 [D]."""
        lengths = np.zeros(self.n_documents)
        rows = np.flatnonzero(np.diff(self.indptr))  # reduceat would give empty ones their next
        for start in range(0, rows.size, _BLOCK):  # which it converts as a whole
            part = rows[start : start + _BLOCK]
            first, end = self.indptr[part[0]], self.indptr[part[-1] + 1]
            counts = self.counts[first:end].astype(np.float64)
            lengths[part] = np.add.reduceat(counts, self.indptr[part] - first)
        return lengths

    @property
    def document_nonzeros(self) -> NDArray[np.int64]:
        """Number of distinct words of each document, int64 [D]."""
        return np.diff(self.indptr)

    @property
    def nbytes(self) -> int:
        """Size of the arrays."""
        return self.indptr.nbytes + self.indices.nbytes + self.counts.nbytes

    @property
    def shape(self) -> tuple[int, int]:
        """(D, V), as of the matrix of counts."""
        return self.n_documents, self.n_words

    @property
    def known_words(self) -> NDArray[np.float64]:
        """Share of each document's words that the vocabulary holds, float64 [D].

        Of documents that were counted by a given vocabulary; 1 for all others, whose other words
        nobody has counted. 0 for a document without words.
        """
        lengths = self.document_lengths
        if self.words_read is None:
            return np.where(lengths > 0, 1.0, 0.0)
        return lengths / np.maximum(self.words_read, np.finfo(np.float64).tiny)

    def blocks(self) -> Iterator[Corpus]:
        """All documents in order: at once, since they are there already (see `Subset.blocks`)."""
        yield self

    def __len__(self) -> int:
        return self.n_documents

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        raise TypeError(
            "a Corpus is no array: to_scipy() gives its counts as a sparse matrix, and corpus[rows]"
            " some of its documents"
        )

    def __repr__(self) -> str:
        extra = "" if self.labels is None else f", {len(set(self.labels)):,} labels"
        return (
            f"Corpus({self.n_documents:,} documents, {self.n_words:,} words, "
            f"{self.n_tokens:,.0f} tokens{extra})"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Corpus):
            return NotImplemented
        return (
            np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.counts, other.counts)
            and self.vocabulary == other.vocabulary
            and self.labels == other.labels
            and self.document_ids == other.document_ids
        )

    __hash__ = None  # type: ignore[assignment]

    # -- parts ---------------------------------------------------------------------------------

    def __getitem__(self, rows: SupportsIndex | slice | ArrayLike) -> Corpus:
        """The documents `rows` (a number, slice, list, int array or boolean mask) as a corpus."""
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]  # as scikit-learn's tools index whatever has a shape
        try:
            chosen = np.atleast_1d(np.arange(self.n_documents)[_as_rows(rows)])
        except (IndexError, TypeError, ValueError) as error:
            raise IndexError(
                f"rows is {rows!r}; expected numbers of documents, a slice or a mask: {error}"
            ) from None
        if chosen.ndim != 1:
            raise IndexError(f"rows has {chosen.ndim} dimensions; expected numbers of documents")
        starts = self.indptr[chosen]
        lengths = self.indptr[chosen + 1] - starts
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        at = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)

        def pick(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
            return None if values is None else tuple(values[row] for row in chosen.tolist())

        return self._with(
            indptr=indptr,
            indices=self.indices[at],
            counts=self.counts[at],
            labels=pick(self.labels),
            document_ids=pick(self.document_ids),
            words_read=None if self.words_read is None else self.words_read[chosen],
        )

    def with_counts(self, counts: NDArray[np.float32]) -> Corpus:
        """The same documents with other counts [N] >= 0 at the same places; zeros are dropped."""
        counts = validation.checked_counts(np.asarray(counts))
        if counts.shape != self.counts.shape:
            raise ValueError(f"counts must have shape {self.counts.shape}, got {counts.shape}")
        keep = counts > 0
        indptr = np.concatenate([[0], np.cumsum(keep)])[self.indptr]
        return self._with(
            indptr=indptr, indices=self.indices[keep], counts=counts[keep], words_read=None
        )

    def in_words(self, vocabulary: Sequence[str]) -> Corpus:
        """The same documents in another vocabulary: columns are matched by their words.

        Words that it lacks are left out, and counted in `known_words`; a document, or all of
        them, may come out empty. Raises as `Corpus` does for the vocabulary.
        """
        if vocabulary == self.vocabulary:  # which has been checked
            return self
        words = validation.checked_vocabulary(vocabulary, None)
        if words == self.vocabulary:
            return self
        place = {in_nfc(word): v for v, word in enumerate(words)}
        places = (place.get(in_nfc(word), -1) for word in self.vocabulary)
        ids = np.fromiter(places, np.int32, self.n_words)[self.indices]
        kept = ids >= 0
        matrix = sp.csr_array(
            (self.counts[kept], ids[kept], np.concatenate([[0], np.cumsum(kept)])[self.indptr]),
            shape=(self.n_documents, len(words)),
        )
        matrix.sum_duplicates()  # sorts them too
        read = self.document_lengths if self.words_read is None else self.words_read
        return self._with(
            indptr=matrix.indptr.astype(np.int64),
            indices=matrix.indices.astype(np.int32, copy=False),
            counts=matrix.data,
            vocabulary=words,
            words_read=read,
            numbered=False,
        )

    def as_columns_of(self, vocabulary: tuple[str, ...], numbered: bool) -> Corpus:
        """The same counts under other names of the columns, of which there must be as many."""
        if len(vocabulary) != self.n_words:
            raise ValueError(
                f"corpus has {self.n_words} columns, vocabulary {len(vocabulary)} words"
            )
        return self._with(vocabulary=vocabulary, numbered=numbered)

    def with_words_read(self, words_read: NDArray[np.float64]) -> Corpus:
        """The same, told how many words [D] its documents have, known or not."""
        return self._with(words_read=words_read)

    def with_origin(self, origin: Origin | None) -> Corpus:
        """The same corpus with another `origin`."""
        return self._with(origin=origin)

    def split(
        self, validation: float = 0.1, test: float = 0.1, seed: int = 0
    ) -> tuple[Corpus, Corpus, Corpus]:
        """(train, validation, test) by a random permutation of the documents, fixed by `seed`.

        `validation` and `test` are fractions in [0, 1) whose sum is below 1; a fraction of 0
        gives a corpus without documents, any other at least one. Raises ValueError where no
        document would be left to train on.
        """
        train, held_out, tested = split_rows(self.n_documents, validation, test, seed)
        return self[train], self[held_out], self[tested]

    # -- other forms ---------------------------------------------------------------------------

    @classmethod
    def from_scipy(
        cls,
        matrix: Any,
        vocabulary: Sequence[str] | Mapping[str, int] | None = None,
        labels: Sequence[str] | None = None,
        document_ids: Sequence[str] | None = None,
        origin: Origin | None = None,
    ) -> Corpus:
        """A corpus of a scipy sparse matrix (or dense array) of counts [D, V].

        The vocabulary holds the words in the order of the columns, or maps words to columns, as
        `CountVectorizer.vocabulary_` does; without one words are named by their column: "0",
        "1", … The matrix is copied and never changed. Raises as `Corpus` does, and TypeError for
        what is not a matrix.
        """
        if not (sp.issparse(matrix) or isinstance(matrix, np.ndarray)) or matrix.ndim != 2:
            raise TypeError(
                "matrix must be a scipy sparse matrix or a numpy array with 2 dimensions, got "
                f"{type(matrix).__name__} {getattr(matrix, 'shape', '')}".rstrip()
            )
        if matrix.shape[0] == 0 or matrix.shape[1] == 0:
            raise ValueError(
                f"empty corpus: matrix has shape {matrix.shape}, "
                "expected at least one document (row) and one word (column)"
            )
        if matrix.dtype.kind not in "biuf":
            raise TypeError(f"matrix must hold real numbers, got dtype {matrix.dtype}")
        n_words = matrix.shape[1]
        words = tuple(map(str, range(n_words))) if vocabulary is None else vocabulary
        checked = validation.checked_vocabulary(words, n_words)
        csr = matrix if sp.issparse(matrix) and matrix.format == "csr" else sp.csr_array(matrix)
        end = int(csr.indptr[-1])  # scipy allows spare room behind the last row
        return cls(
            csr.indptr,
            csr.indices[:end],
            csr.data[:end],
            checked,
            labels,  # type: ignore[arg-type]
            document_ids,  # type: ignore[arg-type]
            origin=origin or Origin("a matrix"),
            numbered=vocabulary is None,
        )

    @classmethod
    def of_counts(cls, matrix: Any, vocabulary: tuple[str, ...]) -> Corpus:
        """A corpus of a csr matrix of counts >= 0 [D, V] and a vocabulary that has been checked.

        As `from_scipy`, but nothing is looked at V times, and all documents may be empty.
        """
        end = int(matrix.indptr[-1])
        indices, counts = matrix.indices[:end], matrix.data[:end]
        indptr = validation.checked_indptr(matrix.indptr, end)
        indices = validation.checked_indices(indices, len(vocabulary))
        counts = validation.checked_counts(counts)
        if not validation.is_canonical(indptr, indices, counts):
            indptr, indices, counts = _canonical(indptr, indices, counts, len(vocabulary))
        return cls._trusted(_own(indptr), _own(indices), _own(counts), vocabulary)

    def to_scipy(self) -> sp.csr_array:
        """The counts as a scipy csr_array, float32 [D, V], read-only and sharing memory."""
        matrix = sp.csr_array(
            (self.counts, self.indices, self.indptr), shape=(self.n_documents, self.n_words)
        )
        matrix.has_canonical_format = True
        return matrix

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the corpus to `folder`, whole or not at all.

        Raises FileExistsError for a folder that exists unless `overwrite=True` and the folder
        holds a corpus, whose files are replaced; any others in the folder stay. OSError (disk
        full, no permission) leaves what was there untouched.
        """
        _save(self, folder, overwrite)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Corpus:
        """Open the corpus saved in `folder`; arrays are memory-mapped, and checked in one pass.

        Raises FileNotFoundError or ValueError naming the file that is missing or damaged.
        """
        parts = saved_corpus.load(folder)
        with saved_corpus.damage_names(folder):
            return cls(**parts)


def _as_rows(rows: Any) -> Any:
    if isinstance(rows, slice) or hasattr(rows, "__index__"):
        return rows
    chosen = np.asarray(rows)
    return chosen.astype(np.int64) if chosen.size == 0 and chosen.dtype != bool else chosen


def _own(array: NDArray[Any]) -> NDArray[Any]:
    return array.copy() if array.flags.writeable else array.view()


def _canonical(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    counts: NDArray[np.float32],
    n_words: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Sorted columns, repeats summed, zeros dropped; on a copy."""
    matrix = sp.csr_array((counts, indices, indptr), shape=(indptr.size - 1, n_words), copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return (
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32),
        validation.checked_counts(matrix.data),  # a sum may leave float32's range
    )


@dataclass(frozen=True, eq=False)
class Subset:
    """The documents `rows` (int64 [D]) of a corpus, of which nothing is copied.

    It trains and evaluates models as a corpus does. The corpus may be larger than memory.
    """

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
        return f"Subset({len(self):,} documents of {self.corpus!r})"

    def __getitem__(self, rows: slice) -> Corpus:
        """Some of the documents, as a corpus of their own."""
        return self.corpus[self.rows[rows]]

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the documents to `folder`, as `Corpus.save` of a copy of them does."""
        _save(self, folder, overwrite)

    def blocks(self) -> Iterator[Corpus]:
        """All documents in order, so many at a time as can be copied."""
        return (self[start : start + _BLOCK] for start in range(0, len(self), _BLOCK))


def _save(documents: Corpus | Subset, folder: str | os.PathLike[str], overwrite: bool) -> None:
    """Write the documents to `folder`, whole or not at all; see `Corpus.save`."""
    if not documents.n_nonzeros:
        raise ValueError(f"{documents!r} has no words to save to {str(full_path_of(folder))!r}")
    with (
        saved_corpus.new_folder(folder, overwrite) as written,
        saved_corpus.save_errors_name(folder),
    ):
        texts = saved_corpus.DocumentLines(written)
        saved_corpus.write(
            written,
            _csr_blocks(documents, texts),
            documents.vocabulary,
            len(documents),
            documents.n_nonzeros,
            texts,
            origin=documents.origin,
            numbered=documents.numbered,
        )


def _csr_blocks(
    documents: Corpus | Subset, texts: saved_corpus.DocumentLines
) -> Iterator[CsrBlock]:
    """The counts, block by block; labels and ids go to `texts` on the way."""
    for block in documents.blocks():
        for name in saved_corpus.TEXTS:
            if (values := getattr(block, name)) is not None:
                texts.add(name, values)
        yield CsrBlock(block.document_nonzeros, block.indices, block.counts)


def split_rows(
    n_documents: int, validation: float, test: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of (train, validation, test), each in rising order; see `Corpus.split`."""
    for name, fraction in (("validation", validation), ("test", test)):
        if not 0 <= fraction < 1:
            raise ValueError(f"{name} must be a fraction in [0, 1), got {fraction}")
    if validation + test >= 1:
        raise ValueError(
            f"validation + test must be below 1, got {validation} + {test}: no training documents"
        )
    held_out, tested = (
        max(1, round(fraction * n_documents)) if fraction else 0 for fraction in (validation, test)
    )
    if held_out + tested >= n_documents:
        raise ValueError(
            f"{n_documents} documents are too few for validation={validation} and test={test}: "
            "no training documents would be left"
        )
    order = np.random.default_rng(seed).permutation(n_documents)
    parts = np.split(order, [held_out, held_out + tested])
    held_out_rows, tested_rows, train_rows = (np.sort(part) for part in parts)
    return train_rows, held_out_rows, tested_rows
