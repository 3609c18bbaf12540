"""Every format that `read` knows, one row each: recognition, errors, help and docs come from it.

To add a format, write its reader and add a row. A reader takes the path first and returns a
`Corpus`; it is named by text, so that this table is read without NumPy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any

READY_MADE = {  # the functions of ntm_fast.data.datasets that take a name in place of a path
    "docstrings": "the docstrings of this Python installation",
    "newsgroups": "the 20 Newsgroups posts, downloaded once",
}


@dataclass(frozen=True)
class Format:
    """One row of `FORMATS`.

    Attributes
    ----------
    name : as errors, help and docs call it
    reader : "module:function"
    doc : one sentence on what is read
    example : a path
    endings : how a file's name ends, or …
    prefix : how it begins, or …
    inside : glob pattern of a file by which a folder is recognised
    gzipped : whether a file may also end in .gz
    defaults : options of the reader where none are given
    columns : the option that takes the vocabulary of counts without words
    words_beside : files beside the counts that hold this vocabulary, the first that exists;
        {rest} is the name behind `prefix`
    remembered : options with which a model reads new documents as its training corpus was read
    """

    name: str
    reader: str
    doc: str
    example: str
    endings: tuple[str, ...] = ()
    prefix: str = ""
    inside: str = ""
    gzipped: bool = False
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    columns: str = ""
    words_beside: tuple[str, ...] = ()
    remembered: tuple[str, ...] = ()

    @property
    def function(self) -> Callable[..., Any]:
        """The reader."""
        function: Callable[..., Any] = resolve_name(self.reader)
        return function

    @property
    def parameters(self) -> list[str]:
        """Names of the reader's own options."""
        return list(inspect.signature(self.function).parameters)[1:]

    @property
    def holds_texts(self) -> bool:
        """Whether texts are counted, with the options of `vectorise`; OCTIS folders hold words."""
        return "options" in self.parameters

    @property
    def recognised_by(self) -> str:
        """The name that tells the format, as help and docs say it."""
        if self.inside:
            return f"a folder with {self.inside.removeprefix('**/')}"
        names = [f"{self.prefix}*"] if self.prefix else list(self.endings)
        return ", ".join(f"{name}(.gz)" if self.gzipped else name for name in names)

    def has_name(self, name: str) -> bool:
        """Whether a file of this name is in this format."""
        plain = name.lower()
        if self.gzipped:
            plain = plain.removesuffix(".gz")
        if self.prefix:
            return plain.startswith(self.prefix)
        return plain.endswith(self.endings) if self.endings else False

    def words_of(self, source: Path) -> Path | None:
        """The file beside `source` that holds its vocabulary, if there is one."""
        rest = source.name.removesuffix(".gz")[len(self.prefix) :]
        names = (name.format(rest=rest) for name in self.words_beside)
        return next((file for name in names if (file := source.parent / name).is_file()), None)


_READERS = "ntm_fast.data.readers"
_TABLE = f"{_READERS}.table:read_table"
_COLUMN: Mapping[str, Any] = MappingProxyType({"column": "text"})
_VOCABULARIES = ("vocabulary.txt", "vocab.txt", "vocab.new")

LINES = Format(
    name="lines of text",
    reader=f"{_READERS}.texts:read_text",
    doc="One document a line; blank lines are empty documents.",
    example="reviews.txt",
    endings=(".txt", ".text"),
    gzipped=True,
)
FORMATS = (
    LINES,
    Format(
        name="folder of texts",
        reader=f"{_READERS}.texts:read_folder",
        doc="One document a file; the first subfolder is its label. `pattern=` selects files.",
        example="reviews/",
        inside="**/*.txt",
    ),
    Format(
        name="CSV",
        reader=_TABLE,
        doc="One document a row, its text in the column `text` unless `column=` names another.",
        example="reviews.csv",
        endings=(".csv",),
        gzipped=True,
        defaults=_COLUMN,
        remembered=("column", "quoting"),
    ),
    Format(
        name="TSV",
        reader=_TABLE,
        doc='As CSV; quotes are ordinary characters unless `quoting="minimal"`.',
        example="reviews.tsv",
        endings=(".tsv",),
        gzipped=True,
        defaults=_COLUMN,
        remembered=("column", "quoting"),
    ),
    Format(
        name="JSON lines",
        reader=_TABLE,
        doc="One JSON object a line; `column=` names the field that holds the text.",
        example="reviews.jsonl",
        endings=(".jsonl", ".ndjson"),
        gzipped=True,
        defaults=_COLUMN,
        remembered=("column",),
    ),
    Format(
        name="Parquet",
        reader=_TABLE,
        doc="As CSV; needs pyarrow.",
        example="reviews.parquet",
        endings=(".parquet",),
        defaults=_COLUMN,
        remembered=("column",),
    ),
    Format(
        name="SciPy sparse matrix",
        reader=f"{_READERS}.matrix:read_npz",
        doc="Counts, documents in rows, as `scipy.sparse.save_npz` writes them.",
        example="counts.npz",
        endings=(".npz",),
        columns="vocabulary",
        words_beside=_VOCABULARIES,
    ),
    Format(
        name="UCI bag of words",
        reader=f"{_READERS}.matrix:read_uci",
        doc='Three lines D, V and N, then lines "document word count", numbered from 1.',
        example="docword.nips.txt",
        prefix="docword.",
        gzipped=True,
        columns="vocab",
        words_beside=("vocab.{rest}", "vocab.{rest}.gz"),
    ),
    Format(
        name="libsvm",
        reader=f"{_READERS}.matrix:read_libsvm",
        doc='Lines "label word:count word:count …"; `zero_based=` says how words are numbered.',
        example="train.feat",
        endings=(".feat", ".svmlight", ".libsvm"),
        gzipped=True,
        columns="vocabulary",
        words_beside=_VOCABULARIES,
        remembered=("zero_based",),
    ),
    Format(
        name="OCTIS folder",
        reader=f"{_READERS}.octis:read_octis",
        doc="Text, split and label by tabs, with the words of vocabulary.txt; `split=` selects.",
        example="20NewsGroup/",
        inside="corpus.tsv",
    ),
    Format(
        name="saved corpus",
        reader="ntm_fast.data.corpus:Corpus.load",
        doc="What `Corpus.save` and `ntm-fast corpus --output` write; it is memory-mapped.",
        example="reviews-corpus/",
        inside="corpus.json",
    ),
)


def accepted() -> str:
    """All formats, one a line, as errors list them."""
    return "\n".join(f"  {row.name}: {row.recognised_by}" for row in FORMATS)


def one_line() -> str:
    """All that a command takes as a corpus, as its help says it."""
    formats = "; ".join(f"{row.name}: {row.recognised_by}" for row in FORMATS)
    names = " and ".join(READY_MADE)
    return f"A path ({formats}), or - for lines of standard input; {names} are ready-made."


def as_markdown() -> str:
    """The table of docs/formats.md."""
    lines = ["| format | recognised by | content | reader | example |", "|---|---|---|---|---|"]
    for row in FORMATS:
        reader = row.reader.partition(":")[2]
        by = row.recognised_by.replace("*", r"\*")
        lines.append(f"| {row.name} | {by} | {row.doc} | `{reader}` | `{row.example}` |")
    lines += ["", "| name | corpus |", "|---|---|"]
    lines += [f"| `{name}` | {doc} |" for name, doc in READY_MADE.items()]
    return "\n".join(lines) + "\n"
