"""A corpus on disk: a folder of memory-mappable arrays, text files and one JSON file.

corpus.json         format, version, sizes, dtypes
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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ntm_fast.data.folders import read_metadata, replacing_folder

if TYPE_CHECKING:
    from ntm_fast.data.corpus import Corpus

FORMAT = "ntm_fast corpus"
VERSION = 1
METADATA = "corpus.json"
_ARRAYS = ("indptr", "indices", "counts")
_TEXTS = ("labels", "document_ids")


def save(corpus: Corpus, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write `corpus` to `folder`, whole or not at all; see `Corpus.save`."""
    target = Path(os.path.abspath(folder))  # a symbolic link stays where it is
    if not corpus.n_nonzeros:
        raise ValueError(f"{corpus!r} has no words to save to {str(target)!r}")
    _require_free(target, overwrite)
    try:
        with replacing_folder(target) as written:
            _write(corpus, written)
    except OSError as error:
        message = f"cannot save the corpus to {target}: {error.strerror or error}"
        # With its number the error keeps its class, such as PermissionError.
        raise OSError(*([error.errno] if error.errno else []), message) from error


def load(cls: type[Corpus], folder: str | os.PathLike[str]) -> Corpus:
    """Open the corpus in `folder`; see `Corpus.load`."""
    root = Path(folder)
    metadata = _read_metadata(root)
    arrays = {name: _open_array(root / f"{name}.npy") for name in _ARRAYS}
    texts: dict[str, Sequence[str] | None] = {
        name: _read_lines(root / f"{name}.txt") if metadata.get(name) else None for name in _TEXTS
    }
    vocabulary = _read_lines(root / "vocabulary.txt")
    sizes = {
        "indptr.npy": (arrays["indptr"].size, metadata["n_documents"] + 1),
        "indices.npy": (arrays["indices"].size, metadata["n_nonzeros"]),
        "counts.npy": (arrays["counts"].size, metadata["n_nonzeros"]),
        "vocabulary.txt": (len(vocabulary), metadata["n_words"]),
    }
    for name, (found, expected) in sizes.items():
        if found != expected:
            raise ValueError(
                f"{root / name} has {found} entries, expected {expected} as {METADATA} says"
            )
    try:
        return cls(**arrays, vocabulary=vocabulary, **texts)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise ValueError(f"damaged corpus in {root}: {error}") from error


def _require_free(target: Path, overwrite: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir():
        raise FileExistsError(f"{target} exists and is not a folder")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise FileExistsError(f"{target} exists: pass overwrite=True to replace the corpus in it")
    if not (target / METADATA).is_file():
        raise FileExistsError(f"{target} holds no corpus ({METADATA}), so it is not overwritten")


def _write(corpus: Corpus, folder: Path) -> None:
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(corpus, name))
    lines: dict[str, Sequence[str] | None] = {
        name: getattr(corpus, name) for name in ("vocabulary", *_TEXTS)
    }
    for name, values in lines.items():
        if values is not None:
            text = "".join(f"{value}\n" for value in values)
            (folder / f"{name}.txt").write_bytes(text.encode())
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "n_documents": corpus.n_documents,
        "n_words": corpus.n_words,
        "n_nonzeros": corpus.n_nonzeros,
        "n_tokens": corpus.n_tokens,
        "dtypes": {name: str(getattr(corpus, name).dtype) for name in _ARRAYS},
        **{name: getattr(corpus, name) is not None for name in _TEXTS},
    }
    (folder / METADATA).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")


def _read_metadata(root: Path) -> dict[str, Any]:
    path = root / METADATA
    metadata = read_metadata(path, "corpus", VERSION)
    for name in ("n_documents", "n_words", "n_nonzeros"):
        if type(metadata.get(name)) is not int:
            raise ValueError(f"{path}: {name} must be a whole number, got {metadata.get(name)!r}")
    return metadata


def _open_array(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is damaged or truncated: {error}") from error


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from None
    if not text.endswith("\n"):
        raise ValueError(f"{path} is truncated: its last line has no end")
    return text[:-1].split("\n")
