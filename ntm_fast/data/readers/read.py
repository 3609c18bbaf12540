"""One function for every format: the path tells which reader."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.readers.formats import FORMATS, LINES, READY_MADE, Format, accepted
from ntm_fast.data.readers.table import is_frame, read_frame
from ntm_fast.data.text.vectorise import TextOptions, WorkOptions
from ntm_fast.data.text_files import existing
from ntm_fast.files import path_of

_MODEL = "model.json"  # in the folder of a saved model


def read(path: Any, **options: Any) -> Corpus:
    """A corpus of whatever lies at `path`; its name tells the format.

    `ntm_fast.data.readers.formats.FORMATS` (docs/formats.md) lists the formats, with the reader
    of each, to which the `options` go. Tables have column="text" unless it is given. Counts
    without a vocabulary take the one beside them (vocabulary.txt, vocab.txt, vocab.new; for
    docword.x.txt vocab.x.txt) if there is one.

    A DataFrame in place of a path is read as a table is, with column= (by default "text"),
    label_column= and id_column=.

    "-" is standard input; it, or a pipe, is read as text, one document a line. With `output=` and
    `overwrite=` the corpus is written to a folder, as `Corpus.save` does: text in bounded memory,
    as `vectorise` says. `n_jobs` and `progress` have no effect where no text is read.

    Raises ValueError listing the formats where the name does not tell, FileNotFoundError,
    TypeError for an option that the reader does not have, and as the reader does.
    """
    if is_frame(path):
        return read_frame(path, **options)
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"path is a {type(path).__name__}; expected a path or a DataFrame (vectorise makes a"
            " corpus of a list of texts)"
        )
    row, source = format_of(path, "pattern" in options)
    if row.columns:
        if "vocabulary" in options:
            options[row.columns] = options.pop("vocabulary")
        if options.get(row.columns) is None:
            options[row.columns] = row.words_of(source)
    options = {**row.defaults, **options}
    work: dict[str, Any] = {}
    if not row.holds_texts:  # the corpus is there before it is saved
        work = {n: options.pop(n) for n in WorkOptions.__annotations__ if n in options}
    for name in options:
        if name not in accepted_options(row):
            function = row.function.__name__
            raise TypeError(f"{source} takes no option {name!r}: {function} has none such")
    return _saved(row.function(source, **options), work)


def read_named(source: str, work: dict[str, Any] | None = None, **options: Any) -> Corpus:
    """`read`, of a path or of the name of a ready-made corpus, such as "docstrings".

    A path that exists takes precedence. `work` holds the options that say how and where the
    corpus is made, such as `output`. Raises ValueError for an option of a ready-made corpus.
    """
    work = work or {}
    if not is_ready_made(source):
        return read(source, **work, **options)
    if options:
        raise ValueError(f"{source} is a ready-made corpus and takes no {min(options)}")
    from ntm_fast.data import datasets

    return _saved(getattr(datasets, source)(), work)


def is_ready_made(source: str) -> bool:
    """Whether this names a ready-made corpus, and no path."""
    return source in READY_MADE and not Path(source).exists()


def _saved(corpus: Corpus, work: dict[str, Any]) -> Corpus:
    """The corpus; as it was saved, where an output folder is given."""
    if work.get("output") is None:
        return corpus
    corpus.save(work["output"], overwrite=work.get("overwrite", False))
    return Corpus.load(work["output"])


def accepted_options(row: Format) -> set[str]:
    """Names of the options that `read` passes on to the reader of a format."""
    texts = TextOptions.__annotations__ if row.holds_texts else ()
    return {*row.parameters, *texts} - {"options"}


def format_of(path: str | os.PathLike[str], pattern: bool = False) -> tuple[Format, Path]:
    """The format of what lies at `path`, by its name, and the path to read; raises as `read`.

    `pattern` says that the files of a folder are chosen by one.
    """
    if os.fspath(path) == "-":
        return LINES, Path("/dev/stdin")
    source = path_of(path)
    if source.is_dir():
        return _format_of_folder(source, pattern), source
    if source.exists() and not stat.S_ISREG(source.stat().st_mode):
        return LINES, source  # a pipe, such as <(zcat *.gz)
    existing(source)
    for row in sorted(FORMATS, key=lambda row: not row.prefix):  # docword.x.txt is no .txt
        if row.has_name(source.name):
            return row, source
    raise ValueError(f"cannot tell what {source} is by its name. Accepted:\n{accepted()}")


def _format_of_folder(folder: Path, pattern: bool) -> Format:
    folders = [row for row in FORMATS if row.inside]
    for row in folders:
        if "*" not in row.inside and (folder / row.inside).is_file():
            return row
    if (folder / _MODEL).is_file():
        raise ValueError(f"{folder} is a saved model, not documents")
    data = [row for row in FORMATS if row is not LINES]
    found = sorted(f.name for f in folder.iterdir() if any(row.has_name(f.name) for row in data))
    if found:  # a vocab.txt beside them is no document
        raise ValueError(f"{folder} is a folder of data files: name one, {', '.join(found[:9])}")
    for row in folders:
        if "*" in row.inside and (pattern or next(folder.glob(row.inside), None) is not None):
            return row
    raise ValueError(f"cannot tell what the folder {folder} holds. Accepted:\n{accepted()}")
