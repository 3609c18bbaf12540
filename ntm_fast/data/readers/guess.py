"""One door for every format: the path tells which reader."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.files import existing
from ntm_fast.data.readers.matrix import read_libsvm, read_npz, read_uci
from ntm_fast.data.readers.octis import read_octis
from ntm_fast.data.readers.table import read_table
from ntm_fast.data.readers.text import read_folder, read_text
from ntm_fast.data.storage import METADATA
from ntm_fast.data.vectorise import TextOptions, WorkOptions

ACCEPTED = """\
  a folder written by Corpus.save (corpus.json), an OCTIS folder (corpus.tsv),
  a folder of .txt files (one document each),
  .txt (one document a line), .csv, .tsv, .jsonl, .ndjson (column="text"), each also with .gz,
  .parquet, .npz (scipy), .feat, .svmlight, .libsvm, docword.* (UCI)"""

_VOCABULARIES = ("vocabulary.txt", "vocab.txt", "vocab.new")


def read(path: str | os.PathLike[str], **options: Any) -> Corpus:
    """A corpus of whatever lies at `path`; its name tells the format.

    Accepted: a folder written by `Corpus.save`, an OCTIS folder (corpus.tsv), a folder of .txt
    files, .txt (a document a line), .csv, .tsv, .jsonl, .ndjson, .parquet (with column=, by
    default "text"), .npz, .feat, .svmlight, .libsvm, docword.* (UCI); text also as .gz. Counts
    without a vocabulary take the one beside them (vocabulary.txt, vocab.txt, vocab.new; for
    docword.x.txt vocab.x.txt) where there is one. `options` go to the reader: see `read_text`,
    `read_folder`, `read_table`, `read_npz`, `read_uci`, `read_libsvm`, `read_octis`.

    "-" is standard input, one document a line. `output=` and `overwrite=` have the corpus written
    to a folder, as `Corpus.save` does: text in bounded memory, as `vectorise` says. `n_jobs` and
    `progress` are of no account where no text is read.

    Raises ValueError saying what is accepted where the name does not tell, FileNotFoundError,
    TypeError for an option that the reader does not have, and as the reader does.
    """
    if os.fspath(path) == "-":
        return _by(read_text, Path("/dev/stdin"), **options)
    source = Path(path).expanduser()
    if source.is_dir():
        return _read_any_folder(source, options)
    existing(source)
    name = source.name.lower()
    kind = Path(name.removesuffix(".gz")).suffix
    if name.startswith("docword."):
        words = options.pop("vocabulary", None) or options.pop("vocab", None)
        return _by(read_uci, source, words or _vocabulary_beside(source), **options)
    if kind in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"):
        return _by(read_table, source, **{"column": "text", **options})
    if kind in (".npz", ".feat", ".svmlight", ".libsvm"):
        if options.get("vocabulary") is None:
            options["vocabulary"] = _vocabulary_beside(source)
        return _by(read_npz if kind == ".npz" else read_libsvm, source, **options)
    if kind in (".txt", ".text"):
        return _by(read_text, source, **options)
    raise ValueError(f"cannot tell what {source} is by its name. Accepted:\n{ACCEPTED}")


def _read_any_folder(folder: Path, options: dict[str, Any]) -> Corpus:
    if (folder / METADATA).is_file():
        return _by(Corpus.load, folder, **options)
    if (folder / "corpus.tsv").is_file():
        return _by(read_octis, folder, **options)
    endings = (".npz", ".feat", ".svmlight", ".libsvm", ".csv", ".tsv", ".jsonl", ".parquet")
    counts = sorted(
        file.name
        for file in folder.iterdir()
        if file.name.removesuffix(".gz").endswith(endings) or file.name.startswith("docword.")
    )
    if counts:  # a vocab.txt beside them is no document
        raise ValueError(f"{folder} is a folder of data files: name one, {', '.join(counts[:9])}")
    if "pattern" in options or next(folder.glob("**/*.txt"), None) is not None:
        return _by(read_folder, folder, **options)
    raise ValueError(f"cannot tell what the folder {folder} holds. Accepted:\n{ACCEPTED}")


def _by(reader: Callable[..., Corpus], source: Path, *arguments: Any, **options: Any) -> Corpus:
    """What the reader makes of it; TypeError for an option that it does not have."""
    parameters = inspect.signature(reader).parameters
    work: dict[str, Any] = {}
    if "options" not in parameters:  # no reader of text: the corpus is there before it is saved
        work = {n: options.pop(n) for n in WorkOptions.__annotations__ if n in options}
    known = {*parameters, *(TextOptions.__annotations__ if "options" in parameters else ())}
    for name in options:
        if name not in known:
            raise TypeError(f"{source} takes no option {name!r}: {reader.__name__} has none such")
    corpus = reader(source, *arguments, **options)
    if work.get("output") is None:
        return corpus
    corpus.save(work["output"], overwrite=work.get("overwrite", False))
    return Corpus.load(work["output"])


def _vocabulary_beside(source: Path) -> Path | None:
    names = list(_VOCABULARIES)
    if source.name.lower().startswith("docword."):
        plain = "vocab" + source.name.removesuffix(".gz")[len("docword") :]
        names = [plain, f"{plain}.gz"]
    return next((found for name in names if (found := source.parent / name).is_file()), None)
