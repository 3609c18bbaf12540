"""Files of counts: scipy .npz, UCI docword and libsvm."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_svmlight_file

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import Origin
from ntm_fast.data.text.vectorise import Words, read_vocabulary
from ntm_fast.data.text_files import existing, lines, named, open_bytes


def read_npz(path: str | os.PathLike[str], vocabulary: Words | None = None) -> Corpus:
    """A corpus of a scipy sparse matrix [D, V] saved with `scipy.sparse.save_npz`.

    `vocabulary` is the path of a file with one word a line, or the V words; None names words
    by their column. Raises FileNotFoundError or ValueError naming the file.
    """
    file = existing(path)
    words = None if vocabulary is None else read_vocabulary(vocabulary)
    with named(file):
        try:
            matrix = sp.load_npz(file)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError) as error:
            raise ValueError(f"damaged, or not a sparse matrix of scipy: {error}") from error
        except ValueError as error:  # numpy takes a file that is no zip for a pickle
            raise ValueError("not a sparse matrix of scipy, as save_npz writes it") from error
        if words is not None and len(words) == matrix.shape[0] != matrix.shape[1]:
            raise ValueError(
                f"matrix has shape {matrix.shape} and vocabulary {len(words)} words: "
                "expected documents in rows and words in columns; save its transpose"
            )
        return Corpus.from_scipy(matrix, words, origin=Origin("a sparse matrix of scipy"))


def read_uci(docword: str | os.PathLike[str], vocab: Words | None = None) -> Corpus:
    """A corpus in the UCI bag-of-words format, plain or .gz.

    `docword` starts with three lines D, V and N, followed by N lines "document word count",
    both numbered from 1; `vocab` has one word a line. Raises FileNotFoundError or ValueError
    naming the file, also for a file with fewer entries than it announces.
    """
    file = existing(docword)
    words = None if vocab is None else read_vocabulary(vocab)
    with named(file):
        if file.stat().st_size == 0:
            raise ValueError("empty file")
        with open_bytes(file) as stream:
            try:
                header = [_whole(stream.readline(), name) for name in ("D", "V", "N")]
                rows = np.loadtxt(stream, dtype=np.float64, ndmin=2, comments=None)
            except (EOFError, zlib.error, OSError) as error:
                raise ValueError(f"damaged or truncated: {error}") from error
        n_documents, n_words, n_entries = header
        if rows.shape != (n_entries, 3):
            raise ValueError(
                f"the header announces {n_entries} entries of 3 numbers, "
                f"found {rows.shape[0]} of {rows.shape[1]}: truncated?"
            )
        for column, name, size in ((0, "document", n_documents), (1, "word", n_words)):
            wrong = np.flatnonzero(
                (rows[:, column] < 1) | (rows[:, column] > size) | (rows[:, column] % 1 != 0)
            )
            if wrong.size:
                raise ValueError(
                    f"line {int(wrong[0]) + 4}: {name} {rows[wrong[0], column]:g} must be a whole "
                    f"number from 1 to {size}"
                )
        places = rows[:, :2].astype(np.int64) - 1
        order = np.argsort(places[:, 0], kind="stable")
        matrix = _csr(places[order, 0], places[order, 1], rows[order, 2], (n_documents, n_words))
        return Corpus.from_scipy(matrix, words, origin=Origin("a UCI bag of words"))


def read_libsvm(
    path: str | os.PathLike[str],
    vocabulary: Words | None = None,
    *,
    zero_based: bool | Literal["auto"] = "auto",
    n_words: int | None = None,
) -> Corpus:
    """A corpus in libsvm / svmlight format (.feat, .svmlight), "label word:count word:count …".

    With `zero_based="auto"` words are numbered from 1 unless a word 0 occurs; pass
    `zero_based=True` for a file numbered from 0 in which the first word never occurs. The corpus's
    `origin` records the result, and a model reads other files accordingly. Labels are kept unless
    all are equal; words of a line may be unsorted or repeated. Without a vocabulary, `n_words` V
    makes room for words that do not occur. Raises FileNotFoundError or ValueError naming the file.
    """
    if not (isinstance(zero_based, bool) or zero_based == "auto"):
        raise ValueError(f"zero_based is {zero_based!r}; expected True, False or 'auto'")
    file = existing(path)
    words = None if vocabulary is None else read_vocabulary(vocabulary)
    with named(file):
        for _ in lines(file, "latin-1"):  # an empty or damaged file is refused here
            break
        with open_bytes(file) as stream:
            try:
                matrix, labels = _load_svmlight(stream)
            except OverflowError as error:
                raise ValueError(f"the number of a word is too large: {error}") from error
            except ValueError as error:
                if "sorted and unique" not in str(error):
                    raise
                stream.seek(0)
                ordered = io.BytesIO(b"".join(map(_ordered, stream)))
                matrix, labels = _load_svmlight(ordered)
        has_zero = bool((matrix.indices == 0).any())
        from_zero = has_zero if zero_based == "auto" else zero_based
        if has_zero and not from_zero:
            raise ValueError(
                "word 0 occurs, but words are numbered from 1; expected zero_based=True"
            )
        if not from_zero:
            matrix = matrix[:, 1:] if matrix.shape[1] > 1 else matrix
        size = n_words if words is None else len(words)
        if size is not None:
            if matrix.shape[1] > size:
                last = matrix.shape[1] - 1 if from_zero else matrix.shape[1]
                raise ValueError(
                    f"word {last} is beyond the {size} words of the vocabulary, numbered from"
                    f" {0 if from_zero else 1} (zero_based={zero_based!r})"
                )
            matrix.resize((matrix.shape[0], size))
        names = [f"{label:g}" for label in labels]
        origin = Origin("libsvm", {"zero_based": from_zero})
        return Corpus.from_scipy(
            matrix, words, names if len(set(names)) > 1 else None, origin=origin
        )


def _load_svmlight(stream: Any) -> Any:
    """(csr matrix whose columns are the numbers as they stand, labels)."""
    return load_svmlight_file(stream, dtype=np.float64, zero_based=True)


def _ordered(line: bytes) -> bytes:
    """The line with its words sorted and repeated ones summed, as scikit-learn wants them."""
    head, *pairs = line.split(b"#")[0].split()
    counts: dict[int, float] = {}
    for pair in pairs:
        word, _, count = pair.partition(b":")
        counts[int(word)] = counts.get(int(word), 0.0) + float(count)
    body = " ".join(f"{word}:{counts[word]!r}" for word in sorted(counts))
    return head + b" " + body.encode() + b"\n"


def _whole(line: bytes, name: str) -> int:
    if not line.strip().isdigit():
        raise ValueError(f"the header must be three lines D, V and N, got {name} = {line[:40]!r}")
    return int(line)


def _csr(rows: Any, columns: Any, values: Any, shape: tuple[int, int]) -> sp.csr_array:
    """CSR of entries sorted by row, repeats kept apart so that each value is still checked."""
    indptr = np.searchsorted(rows, np.arange(shape[0] + 1))
    return sp.csr_array((values, columns, indptr), shape=shape)
