import gzip
import json
import sys
from pathlib import Path

import pytest

from ntm_fast.data import read_table

ROWS: list[dict[str, object]] = [
    {"id": 1, "body": 'Cats, "chase"\nmice', "kind": "animals"},
    {"id": 2, "body": "mice fear cats", "kind": "animals"},
    {"id": 3, "body": None, "kind": None},
    {"id": 4, "body": "planets " * 50_000 + "stars", "kind": "space"},
    {"id": 5, "body": "stars planets", "kind": "space"},
]
WORDS = ("cats", "mice", "planets", "stars")


def table(delimiter: str) -> str:
    def cell(value: object) -> str:
        return "" if value is None else '"' + str(value).replace('"', '""') + '"'

    lines = [delimiter.join(ROWS[0])]
    lines += [delimiter.join(map(cell, row.values())) for row in ROWS]
    return "\r\n".join(lines) + "\r\n"


FILES = {
    "t.csv": table(",").encode(),
    "t.tsv": table("\t").encode(),
    "t.jsonl": "\n".join(json.dumps(row) for row in ROWS).encode() + b"\n\n",
    "mac.csv": table(",").replace("\r\n", "\r").encode(),
    "t.csv.gz": gzip.compress(table(",").encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_a_row_is_a_document(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    corpus = read_table(tmp_path / name, "body", "kind", id_column="id")
    assert corpus.vocabulary == WORDS
    assert corpus.document_lengths.tolist() == [2, 2, 0, 50_001, 2]
    assert corpus.labels == ("animals", "animals", "", "space", "space")
    assert corpus.document_ids == tuple("12345")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "id,text\n1,cats\n", "t.csv, line 1: no column 'body', found 'id', 'text'"),
        ("t.csv", "body\ncats,dogs\n", "t.csv, line 2: more fields than the 1 column names"),
        ("t.csv", 'body\n"cats\n', "t.csv, line 2: unexpected end of data"),
        ("t.csv", "", "t.csv is empty"),
        ("t.csv", "body\n", "t.csv: no words are left"),
        ("t.csv", "text\n", "t.csv, line 1: no column 'body', found 'text'"),
        ("t.jsonl", '{"body": "cats"}\n{"body"', "t.jsonl, line 2: not JSON"),
        ("t.jsonl", '["cats"]\n', "t.jsonl, line 1: expected a JSON object, got list"),
        ("t.jsonl", '{"body": 3}\n', "t.jsonl, line 1: column 'body' must be text, got 3"),
        ("t.xls", "x", "cannot tell the table's format by '.xls'"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / name, "body")


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"t.parquet: reading Parquet needs pyarrow"):
        read_table(tmp_path / "t.parquet", "body")


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "t.parquet")
    corpus = read_table(tmp_path / "t.parquet", "body", "kind")
    assert corpus.vocabulary == WORDS
    assert corpus.labels == ("animals", "animals", "", "space", "space")
    with pytest.raises(ValueError, match="no column 'text', found 'id', 'body', 'kind'"):
        read_table(tmp_path / "t.parquet", "text")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"bad.parquet is no readable Parquet file"):
        read_table(tmp_path / "bad.parquet", "body")
