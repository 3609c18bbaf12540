"""A corpus on disk: a folder of memory-mappable arrays, text files and one JSON file.

corpus.json         format, version, sizes, dtypes, how the corpus was made
indptr.npy          int64 [D+1]
indices.npy         int32 [N]
counts.npy          float32 [N]
vocabulary.txt      V lines, UTF-8
labels.txt          D lines, where the corpus has labels
document_ids.txt    D lines, where the corpus has document ids
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ntm_fast.data.origin import Origin
from ntm_fast.data.text.word_counts import CsrBlock
from ntm_fast.data.validation import checked_vocabulary
from ntm_fast.files import (
    clear_leftovers,
    full_path_of,
    ordinary_file,
    path_of,
    read_metadata,
    replacing_folder,
)

FORMAT = "ntm_fast corpus"
VERSION = 1
METADATA = "corpus.json"
_ARRAYS = {"indptr": "<i8", "indices": "<i4", "counts": "<f4"}
TEXTS = ("labels", "document_ids")
FILES = (METADATA, "vocabulary.txt", *(f"{n}.npy" for n in _ARRAYS), *(f"{n}.txt" for n in TEXTS))


@contextmanager
def new_folder(folder: str | os.PathLike[str], overwrite: bool) -> Iterator[Path]:
    """A folder to write a corpus in, which becomes `folder` at the end of the block."""
    target = full_path_of(folder)  # a symbolic link stays where it is
    clear_leftovers(target.parent)
    _require_free(target, overwrite)
    with ExitStack() as stack:
        with save_errors_name(target):
            written = stack.enter_context(replacing_folder(target, FILES))
        yield written
        with save_errors_name(target):
            stack.pop_all().close()


@contextmanager
def save_errors_name(folder: str | os.PathLike[str] | None) -> Iterator[None]:
    """Add the corpus that could not be saved, if there is one, to any OSError in the block."""
    try:
        yield
    except OSError as error:
        if folder is None:
            raise
        target = full_path_of(folder)
        message = f"cannot save the corpus to {target}: {error.strerror or error}"
        # With its number the error keeps its class, such as PermissionError.
        raise OSError(*([error.errno] if error.errno else []), message) from error


def is_numbered(vocabulary: Sequence[str]) -> bool:
    """Whether the words are "0", "1", …: the names of columns without words."""
    return all(word == str(v) for v, word in enumerate(vocabulary))


class DocumentLines:
    """Labels and document ids, collected into files of `folder`; without one, into `values`."""

    def __init__(self, folder: Path | None) -> None:
        self.values: dict[str, list[str]] = {}
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}

    @property
    def names(self) -> set[str]:
        """The names under which lines were added."""
        return {*self.values, *self._files}

    def add(self, name: str, values: Sequence[str]) -> None:
        """Add the lines of the next documents; they have been checked."""
        if self._folder is None:
            self.values.setdefault(name, []).extend(values)
            return
        if name not in self._files:
            self._files[name] = (self._folder / f"{name}.txt").open("wb")
        self._files[name].write("".join(f"{value}\n" for value in values).encode())

    def as_tuples(self) -> dict[str, tuple[str, ...]]:
        """The lines in `values`, by name."""
        return {name: tuple(lines) for name, lines in self.values.items()}

    def close(self) -> None:
        """Close the files, which then hold all lines."""
        for file in self._files.values():
            file.close()


def gather(
    parts: Iterable[CsrBlock], n_documents: int, n_nonzeros: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """(indptr, indices, counts) of all documents, read-only."""
    indptr = np.zeros(n_documents + 1, np.int64)
    indices, counts = np.empty(n_nonzeros, np.int32), np.empty(n_nonzeros, np.float32)
    row = at = 0
    for part in parts:
        end, stop = row + part.lengths.size, at + part.indices.size
        indptr[row + 1 : end + 1] = at + np.cumsum(part.lengths)
        indices[at:stop], counts[at:stop] = part.indices, part.counts
        row, at = end, stop
    for array in (indptr, indices, counts):
        array.flags.writeable = False
    return indptr, indices, counts


def write(
    folder: Path,
    parts: Iterable[CsrBlock],
    vocabulary: Sequence[str],
    n_documents: int,
    n_nonzeros: int,
    texts: DocumentLines,
    *,
    origin: Origin | None = None,
    numbered: bool = False,
) -> None:
    """Write a corpus to `folder`; `texts` is complete once the last part has been read."""
    sizes = {"indptr": n_documents + 1, "indices": n_nonzeros, "counts": n_nonzeros}
    n_tokens, end = 0.0, np.zeros(1, np.int64)
    with ExitStack() as stack:
        stack.callback(texts.close)
        files = {n: stack.enter_context((folder / f"{n}.npy").open("wb")) for n in _ARRAYS}
        for name, file in files.items():
            header = {"shape": (sizes[name],), "fortran_order": False, "descr": _ARRAYS[name]}
            np.lib.format.write_array_header_1_0(file, header)
        files["indptr"].write(end.data)
        for part in parts:
            ends = end[-1:] + np.cumsum(part.lengths, dtype=np.int64)
            for name, values in zip(_ARRAYS, (ends, part.indices, part.counts), strict=True):
                files[name].write(np.ascontiguousarray(values, _ARRAYS[name]).data)
            n_tokens += float(part.counts.sum(dtype=np.float64))
            end = ends if ends.size else end
    (folder / "vocabulary.txt").write_bytes("".join(f"{word}\n" for word in vocabulary).encode())
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "n_documents": n_documents,
        "n_words": len(vocabulary),
        "n_nonzeros": n_nonzeros,
        "n_tokens": n_tokens,
        "dtypes": {name: np.dtype(kind).name for name, kind in _ARRAYS.items()},
        **{name: name in texts.names for name in TEXTS},
        "numbered": numbered,
        **({} if origin is None else {"origin": origin.as_dict()}),
    }
    (folder / METADATA).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")


def load(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The parts of the corpus in `folder`, by the names that `Corpus` gives them.

    Arrays are memory-mapped and not yet checked.
    """
    root = path_of(folder)
    metadata = _read_metadata(root)
    arrays = {name: _open_array(root / f"{name}.npy") for name in _ARRAYS}
    texts = {
        name: read_lines(root / f"{name}.txt") if metadata.get(name) else None for name in TEXTS
    }
    vocabulary = read_words(root / "vocabulary.txt", metadata["n_words"])
    sizes = {
        "indptr.npy": (arrays["indptr"].size, metadata["n_documents"] + 1),
        "indices.npy": (arrays["indices"].size, metadata["n_nonzeros"]),
        "counts.npy": (arrays["counts"].size, metadata["n_nonzeros"]),
    }
    for name, (found, expected) in sizes.items():
        if found != expected:
            raise ValueError(
                f"{root / name} has {found} entries, expected {expected} as {METADATA} says"
            )
    with damage_names(root):
        kept = metadata.get("origin")
        origin = None if kept is None else Origin.from_dict(kept)
    # Files from before this was recorded show it by their words alone.
    numbered = bool(metadata.get("numbered", is_numbered(vocabulary)))
    return {**arrays, "vocabulary": vocabulary, **texts, "origin": origin, "numbered": numbered}


@contextmanager
def damage_names(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Say which saved corpus is damaged where a part of it does not pass a check."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"damaged corpus in {path_of(folder)}: {error}") from error


def _require_free(target: Path, overwrite: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir():
        raise FileExistsError(f"{target} exists and is not a folder")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise FileExistsError(
            f"{target} exists: overwrite=True (or `--overwrite`) replaces the corpus in it"
        )
    if not (target / METADATA).is_file():
        raise FileExistsError(f"{target} holds no corpus ({METADATA}), so it is not overwritten")


def _read_metadata(root: Path) -> dict[str, Any]:
    path = root / METADATA
    metadata = read_metadata(path, "corpus", VERSION)
    for name in ("n_documents", "n_words", "n_nonzeros"):
        if type(metadata.get(name)) is not int:
            raise ValueError(f"{path}: {name} must be a whole number, got {metadata.get(name)!r}")
    return metadata


def _open_array(path: Path) -> NDArray[Any]:
    ordinary_file(path)
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is damaged or truncated: {error}") from error


def read_words(path: Path, n_words: int) -> tuple[str, ...]:
    """The vocabulary in a file of a saved corpus or model, or an error naming file and line."""
    return checked_vocabulary(read_lines(path), n_words, path)


def read_lines(path: Path) -> list[str]:
    """The lines of a file as they were written: UTF-8, each with its end."""
    try:
        text = ordinary_file(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from None
    if not text.endswith("\n"):
        raise ValueError(f"{path} is truncated: its last line has no end")
    return text[:-1].split("\n")
