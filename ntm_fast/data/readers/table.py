"""Tables: a column of CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import os
import sys
import warnings
from collections.abc import Collection, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ntm_fast.checks import choice
from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import Origin
from ntm_fast.data.text.tokens import Document
from ntm_fast.data.text.vectorise import TextOptions, documents_of, vectorise_documents
from ntm_fast.data.text_files import existing, lines, named
from ntm_fast.files import parse_json

if TYPE_CHECKING:
    from typing_extensions import Unpack

QUOTING: dict[str, Literal[0, 3]] = {"minimal": csv.QUOTE_MINIMAL, "none": csv.QUOTE_NONE}
SWALLOWED = 10  # lines within a row that are looked at: may they be rows themselves?
Row = tuple[str, dict[str, Any]]  # where it stands, its values


def read_table(
    path: str | os.PathLike[str],
    column: str,
    label_column: str | None = None,
    *,
    id_column: str | None = None,
    encoding: str = "utf-8",
    errors: str = "strict",
    quoting: str | None = None,
    **options: Unpack[TextOptions],
) -> Corpus:
    """A corpus of the texts in one column of a table, one document a row.

    The name tells the format: .csv, .tsv, .jsonl or .ndjson (each also with .gz), .parquet
    (needs pyarrow). CSV and TSV start with a line of column names. Missing texts (null) are
    empty documents. `options` are those of `vectorise`.

    `quoting` decides how a " at the start of a CSV or TSV field is read. With "minimal", as in
    `csv` and pandas, the field ends at the next ", across delimiters and line breaks, and "" in
    it is one ". With "none" a " is a character like any other, and each line is a row. The default
    is "minimal" for CSV, and "none" for TSV, which has no quotes (IANA, text/tab-separated-values;
    TSV that pandas wrote has them).

    Raises FileNotFoundError; ValueError naming file, line and column for a missing column, a text
    that is not a string, or an unclosed quote, with the line that opens it; ImportError for
    Parquet without pyarrow. Warns of a row that seems to have swallowed the rows after it.
    """
    if quoting is not None:
        choice("quoting", quoting, QUOTING)
    file = existing(path)
    columns = [name for name in (column, label_column, id_column) if name is not None]

    def documents() -> Iterator[Document]:
        for place, row in _rows(file, columns, encoding, errors, quoting):
            _require(columns, row, place)
            text = row[column]
            if not isinstance(text, str | None):
                raise ValueError(f"{place}: column {column!r} must be text, got {text!r}")
            label, own = (
                None if name is None else _line(row[name]) for name in (label_column, id_column)
            )
            yield Document(text or "", label, own)

    with named(file):
        origin = Origin(
            "a table",
            {
                "column": column,
                "label_column": label_column,
                "id_column": id_column,
                "encoding": encoding,
                "quoting": quoting,
            },
        )
        return vectorise_documents(documents(), origin, **options)


def is_frame(source: Any) -> bool:
    """Whether this is a DataFrame, of pandas or another package."""
    return hasattr(source, "columns") and hasattr(source, "__getitem__") and hasattr(source, "head")


def read_frame(
    frame: Any,
    column: str = "text",
    label_column: str | None = None,
    *,
    id_column: str | None = None,
    **options: Unpack[TextOptions],
) -> Corpus:
    """A corpus of the texts in one column of a DataFrame, one document a row.

    Missing texts are empty documents. `options` are those of `vectorise`. Raises ValueError for a
    missing column, and as `vectorise` does.
    """
    chosen = {"column": column, "label_column": label_column, "id_column": id_column}
    names = list(frame.columns)
    for name in (name for name in chosen.values() if name is not None):
        _require([name], names, "the table")
        if names.count(name) > 1:
            raise ValueError(f"the table has {names.count(name)} columns {name!r}; expected one")
    labels, ids = (None if n is None else list(frame[n]) for n in (label_column, id_column))
    return vectorise_documents(
        documents_of(list(frame[column]), labels, ids), Origin("a table", chosen), **options
    )


def _rows(
    path: Path, columns: list[str], encoding: str, errors: str, quoting: str | None
) -> Iterator[Row]:
    kind = Path(path.name.removesuffix(".gz")).suffix.lower()
    if kind in (".csv", ".tsv"):
        usual = "none" if kind == ".tsv" else "minimal"
        delimiter = "\t" if kind == ".tsv" else ","
        return _csv_rows(path, columns, delimiter, encoding, errors, quoting or usual)
    if quoting is not None:
        raise ValueError(f"{path}: quoting is {quoting!r}; expected None except for CSV and TSV")
    if kind in (".jsonl", ".ndjson"):
        return _json_rows(path, encoding, errors)
    if kind == ".parquet":
        return _parquet_rows(path, columns)
    raise ValueError(
        f"{path}: cannot tell the table's format by {kind!r}, "
        "expected .csv, .tsv, .jsonl, .ndjson or .parquet"
    )


def _csv_rows(
    path: Path, columns: list[str], delimiter: str, encoding: str, errors: str, quoting: str
) -> Iterator[Row]:
    row_lines: list[str] = []  # of the row that is being read

    def noted() -> Iterator[str]:
        for _, line in lines(path, encoding, errors):
            row_lines.append(line)
            yield line

    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # whole books fit into a field
    names: list[str] | None = None
    try:
        reader = csv.reader(noted(), delimiter=delimiter, strict=True, quoting=QUOTING[quoting])
        while True:
            row_lines.clear()
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                opened = _opening(row_lines, delimiter)
                if quoting == "none" or opened is None:
                    raise ValueError(f"{path}, line {reader.line_num}: {error}") from None
                raise ValueError(
                    f"{path}, line {reader.line_num - len(row_lines) + 1 + opened}: a quote opens"
                    f" here that is not closed as it should be, by line {reader.line_num}: {error}."
                    ' quoting="none" takes quotes as they come'
                ) from None
            first = reader.line_num - len(row_lines) + 1
            place = f"{path}, line {first}"
            if names is None:
                names = row
                _require(columns, names, place)
            elif row:  # no blank line
                _check_row(place, row, names, row_lines, delimiter, quoting)
                yield place, dict(zip_longest(names, row, fillvalue=""))
    finally:
        csv.field_size_limit(limit)


def _check_row(
    place: str,
    row: list[str],
    names: list[str],
    row_lines: list[str],
    delimiter: str,
    quoting: str,
) -> None:
    """Raise ValueError for a row that has not the fields it should; warn of one that has more."""
    if len(row) > len(names):
        raise ValueError(f"{place}: more fields than the {len(names)} column names")
    last = row[-1]
    if quoting == "none" and len(row) < len(names) and last[:1] == '"' and last.count('"') % 2:
        raise ValueError(
            f"{place}: {len(row)} of {len(names)} fields, the last with a quote that its line does"
            ' not close: quoting="minimal" reads fields that are quoted over several lines'
        )
    inside = row_lines[1:-1]
    if len(inside) >= SWALLOWED and len(names) > 1:
        like_rows = sum(line.count(delimiter) == len(names) - 1 for line in inside)
        if like_rows > len(inside) / 2:
            warnings.warn(
                f"{place}: a quote makes one row of {len(row_lines)} lines, most of which look like"
                ' rows of their own; quoting="none" takes quotes as they come',
                stacklevel=2,
            )


def _opening(row_lines: list[str], delimiter: str) -> int | None:
    """The line, from 0, of the quote that is the last to open a field; None if none does."""
    opened, quoted, begins = None, False, True
    for number, line in enumerate(row_lines):
        for at, letter in enumerate(line):
            if letter == '"' and quoted:
                quoted = False  # opened again by a second one, if it is one of a pair
                begins = False
            elif letter == '"' and begins:
                opened, quoted, begins = number, True, False
            elif letter == '"' and at and line[at - 1] == '"' and opened is not None:
                quoted = True
            elif not quoted:
                begins = letter == delimiter
    return opened


def _json_rows(path: Path, encoding: str, errors: str) -> Iterator[Row]:
    for number, line in lines(path, encoding, errors):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = parse_json(line)
        except ValueError as error:
            raise ValueError(f"{place}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{place}: expected a JSON object, got {type(row).__name__}")
        yield place, row


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise ImportError(f"{path}: reading Parquet needs pyarrow: pip install pyarrow") from error
    try:
        table = parquet.ParquetFile(path)
    except (ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is no readable Parquet file: {error}") from None
    found = [name for name in columns if name in table.schema_arrow.names]
    if len(found) < len(columns):
        found = list(table.schema_arrow.names)  # to name them in the error
    number = 0
    for batch in table.iter_batches(1024, columns=found):
        for row in batch.to_pylist():
            number += 1
            yield f"{path}, row {number}", row


def _require(columns: list[str], found: Collection[str], place: str) -> None:
    for name in columns:
        if name not in found:
            names = ", ".join(map(repr, found)) or "none"
            raise ValueError(f"{place}: no column {name!r}, found {names}")


def _line(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split())
