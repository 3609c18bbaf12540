"""Tables: a column of CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.files import existing, lines, named
from ntm_fast.data.origin import Origin
from ntm_fast.data.tokens import Document
from ntm_fast.data.vectorise import TextOptions, vectorise_documents

if TYPE_CHECKING:
    from typing_extensions import Unpack

Row = tuple[str, dict[str, Any]]  # where it stands, its values


def read_table(
    path: str | os.PathLike[str],
    column: str,
    label_column: str | None = None,
    *,
    id_column: str | None = None,
    encoding: str = "utf-8",
    errors: str = "strict",
    **options: Unpack[TextOptions],
) -> Corpus:
    """A corpus of the texts in one column of a table, one document a row.

    The name tells the format: .csv, .tsv, .jsonl or .ndjson (each also with .gz), .parquet
    (needs pyarrow). CSV and TSV start with a line of column names. Missing texts (null) are
    empty documents. `options` are those of `vectorise`.

    Raises FileNotFoundError; ValueError naming file, line and column for a missing column or a
    text that is not a string; ImportError for Parquet without pyarrow.
    """
    file = existing(path)
    columns = [name for name in (column, label_column, id_column) if name is not None]

    def documents() -> Iterator[Document]:
        for place, row in _rows(file, columns, encoding, errors):
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
            },
        )
        return vectorise_documents(documents(), origin, **options)


def _rows(path: Path, columns: list[str], encoding: str, errors: str) -> Iterator[Row]:
    kind = Path(path.name.removesuffix(".gz")).suffix.lower()
    if kind in (".jsonl", ".ndjson"):
        return _json_rows(path, encoding, errors)
    if kind in (".csv", ".tsv"):
        return _csv_rows(path, columns, "\t" if kind == ".tsv" else ",", encoding, errors)
    if kind == ".parquet":
        return _parquet_rows(path, columns)
    raise ValueError(
        f"{path}: cannot tell the table's format by {kind!r}, "
        "expected .csv, .tsv, .jsonl, .ndjson or .parquet"
    )


def _csv_rows(
    path: Path, columns: list[str], delimiter: str, encoding: str, errors: str
) -> Iterator[Row]:
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # whole books fit into a field
    try:
        reader = csv.DictReader(
            (line for _, line in lines(path, encoding, errors)),
            delimiter=delimiter,
            strict=True,
            restval="",
        )
        while True:
            try:
                if reader.line_num == 0:
                    _require(columns, reader.fieldnames or (), f"{path}, line 1")
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(f"{path}, line {reader.reader.line_num}: {error}") from None
            place = f"{path}, line {reader.line_num}"
            if None in row:
                raise ValueError(
                    f"{place}: more fields than the {len(reader.fieldnames or ())} column names"
                )
            yield place, row
    finally:
        csv.field_size_limit(limit)


def _json_rows(path: Path, encoding: str, errors: str) -> Iterator[Row]:
    for number, line in lines(path, encoding, errors):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
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
