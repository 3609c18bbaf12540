"""One door for every format: the path tells which reader."""

from __future__ import annotations

import inspect
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.readers.matrix import read_libsvm, read_npz, read_uci
from ntm_fast.data.readers.octis import read_octis
from ntm_fast.data.readers.table import is_frame, read_frame, read_table
from ntm_fast.data.readers.texts import read_folder, read_text
from ntm_fast.data.saved_corpus import METADATA
from ntm_fast.data.text.vectorise import TextOptions, WorkOptions
from ntm_fast.data.text_files import existing
from ntm_fast.files import path_of

ACCEPTED = """\
  a folder written by Corpus.save (corpus.json), an OCTIS folder (corpus.tsv),
  a folder of .txt files (one document each),
  .txt (one document a line), .csv, .tsv, .jsonl, .ndjson (column="text"), each also with .gz,
  .parquet, .npz (scipy), .feat, .svmlight, .libsvm, docword.* (UCI)"""

_VOCABULARIES = ("vocabulary.txt", "vocab.txt", "vocab.new")
_MODEL = "model.json"  # in the folder of a saved model
_COUNTS = (read_npz, read_uci, read_libsvm)


class Reader(NamedTuple):
    """A reader, and what it reads."""

    function: Callable[..., Corpus]
    source: Path

    @property
    def takes_texts(self) -> bool:
        """Whether it counts texts, by the options of `vectorise`; OCTIS folders have words."""
        return "options" in inspect.signature(self.function).parameters

    @property
    def takes(self) -> set[str]:
        """The names of its options."""
        own = set(list(inspect.signature(self.function).parameters)[1:]) - {"options"}
        return own | set(TextOptions.__annotations__ if self.takes_texts else ())


def read(path: Any, **options: Any) -> Corpus:
    """A corpus of whatever lies at `path`; its name tells the format.

    Accepted: a folder written by `Corpus.save`, an OCTIS folder (corpus.tsv), a folder of .txt
    files, .txt (a document a line), .csv, .tsv, .jsonl, .ndjson, .parquet (with column=, by
    default "text"), .npz, .feat, .svmlight, .libsvm, docword.* (UCI); text also as .gz. Counts
    without a vocabulary take the one beside them (vocabulary.txt, vocab.txt, vocab.new; for
    docword.x.txt vocab.x.txt) where there is one. `options` go to the reader: see `read_text`,
    `read_folder`, `read_table`, `read_npz`, `read_uci`, `read_libsvm`, `read_octis`.

    A DataFrame in place of a path is read as a table is, with column= (by default "text"),
    label_column= and id_column=.

    "-" is standard input, and it or a pipe is read as text, one document a line. `output=` and
    `overwrite=` have the corpus written to a folder, as `Corpus.save` does: text in bounded
    memory, as `vectorise` says. `n_jobs` and `progress` are of no account where no text is read.

    Raises ValueError saying what is accepted where the name does not tell, FileNotFoundError,
    TypeError for an option that the reader does not have, and as the reader does.
    """
    if is_frame(path):
        return read_frame(path, **options)
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"path is a {type(path).__name__}; expected a path or a DataFrame (vectorise makes a"
            " corpus of a list of texts)"
        )
    reader = reader_for(path, "pattern" in options)
    if reader.function is read_uci and "vocabulary" in options:
        options["vocab"] = options.pop("vocabulary")
    if reader.function in _COUNTS:
        words = "vocab" if reader.function is read_uci else "vocabulary"
        if options.get(words) is None:
            options[words] = _vocabulary_beside(reader.source)
    if reader.function is read_table:
        options.setdefault("column", "text")
    work: dict[str, Any] = {}
    if not reader.takes_texts:  # the corpus is there before it is saved
        work = {n: options.pop(n) for n in WorkOptions.__annotations__ if n in options}
    for name in options:
        if name not in reader.takes:
            raise TypeError(
                f"{reader.source} takes no option {name!r}:"
                f" {reader.function.__name__} has none such"
            )
    corpus = reader.function(reader.source, **options)
    if work.get("output") is None:
        return corpus
    corpus.save(work["output"], overwrite=work.get("overwrite", False))
    return Corpus.load(work["output"])


def reader_for(path: str | os.PathLike[str], pattern: bool = False) -> Reader:
    """The reader for what lies at `path`, by its name; raises as `read`.

    `pattern` says that the files of a folder are chosen by one.
    """
    if os.fspath(path) == "-":
        return Reader(read_text, Path("/dev/stdin"))
    source = path_of(path)
    if source.is_dir():
        return Reader(_reader_of_folder(source, pattern), source)
    if source.exists() and not stat.S_ISREG(source.stat().st_mode):
        return Reader(read_text, source)  # a pipe, such as <(zcat *.gz)
    existing(source)
    name = source.name.lower()
    kind = Path(name.removesuffix(".gz")).suffix
    if name.startswith("docword."):
        return Reader(read_uci, source)
    if kind in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"):
        return Reader(read_table, source)
    if kind in (".npz", ".feat", ".svmlight", ".libsvm"):
        return Reader(read_npz if kind == ".npz" else read_libsvm, source)
    if kind in (".txt", ".text"):
        return Reader(read_text, source)
    raise ValueError(f"cannot tell what {source} is by its name. Accepted:\n{ACCEPTED}")


def _reader_of_folder(folder: Path, pattern: bool) -> Callable[..., Corpus]:
    if (folder / METADATA).is_file():
        return Corpus.load
    if (folder / _MODEL).is_file():
        raise ValueError(f"{folder} is a saved model, not documents")
    if (folder / "corpus.tsv").is_file():
        return read_octis
    endings = (".npz", ".feat", ".svmlight", ".libsvm", ".csv", ".tsv", ".jsonl", ".parquet")
    counts = sorted(
        file.name
        for file in folder.iterdir()
        if file.name.removesuffix(".gz").endswith(endings) or file.name.startswith("docword.")
    )
    if counts:  # a vocab.txt beside them is no document
        raise ValueError(f"{folder} is a folder of data files: name one, {', '.join(counts[:9])}")
    if pattern or next(folder.glob("**/*.txt"), None) is not None:
        return read_folder
    raise ValueError(f"cannot tell what the folder {folder} holds. Accepted:\n{ACCEPTED}")


def _vocabulary_beside(source: Path) -> Path | None:
    names = list(_VOCABULARIES)
    if source.name.lower().startswith("docword."):
        plain = "vocab" + source.name.removesuffix(".gz")[len("docword") :]
        names = [plain, f"{plain}.gz"]
    return next((found for name in names if (found := source.parent / name).is_file()), None)
