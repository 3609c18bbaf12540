import gzip
import json
import sys
import warnings
from pathlib import Path

import pytest

from ntm_fast.data import read, read_table

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
    quoting = "minimal" if name == "t.tsv" else None  # as pandas writes it
    corpus = read_table(tmp_path / name, "body", "kind", id_column="id", quoting=quoting)
    assert corpus.vocabulary == WORDS
    assert corpus.document_lengths.tolist() == [2, 2, 0, 50_001, 2]
    assert corpus.labels == ("animals", "animals", "", "space", "space")
    assert corpus.document_ids == tuple("12345")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "id,text\n1,cats\n", "t.csv, line 1: no column 'body', found 'id', 'text'"),
        ("t.csv", "body\ncats,dogs\n", "t.csv, line 2: more fields than the 1 column names"),
        ("t.csv", 'body\n"cats\n', "t.csv, line 2: a quote opens here .* unexpected end of data"),
        (
            "t.csv",
            'id,body\n1,a\n2,"x\ny ""z"" w"\n3,"dogs\n4,cats\n5,mice\n',
            "t.csv, line 5: a quote opens here .* by line 7: unexpected end of data",
        ),
        (
            "t.csv",
            'id,body\n\n1,"a\n2,b"c\n3,d\n',
            "t.csv, line 3: a quote opens here .* by line 4: ',' expected after",
        ),
        ("t.csv", 'id,body\n1,"a\nb"\n\n2,c,d\n', "t.csv, line 5: more fields than the 2 col"),
        ("t.csv", 'id,body\n1,"a\nb",c\n', "t.csv, line 2: more fields than the 2 column"),
        (
            "t.tsv",
            'body\tkind\tid\n"cats\ndogs"\ta\t1\n',
            "t.tsv, line 2: 1 of 3 fields, the last with a quote .* quoting=.minimal. reads",
        ),
        ("t.jsonl", "[" * 100_000, "t.jsonl, line 1: not JSON: its JSON is nested too deeply"),
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


def test_tab_separated_values_have_no_quotes(tmp_path: Path) -> None:
    file = tmp_path / "t.tsv"
    file.write_text(
        'body\tkind\n"engine motor\ta\nflour butter\tb\nsugar oven"\tc\n"yeast"\td\n\t\nlone\n'
    )
    options: dict[str, object] = {"min_df": 1, "max_df": 1.0, "stop_words": None}
    corpus = read_table(file, "body", "kind", **options)  # type: ignore[arg-type]
    assert corpus.labels == ("a", "b", "c", "d", "", "")
    assert corpus.document_lengths.tolist() == [2, 2, 2, 1, 0, 1]
    assert '"' not in "".join(corpus.vocabulary)
    pattern = {**options, "token_pattern": r"\S+"}  # quotes come as they are
    corpus = read_table(file, "body", **pattern)  # type: ignore[arg-type]
    assert {'"engine', 'oven"', '"yeast"'} <= set(corpus.vocabulary)
    quoted = read(file, column="body", label_column="kind", quoting="minimal", **options)
    assert quoted.labels == ("c", "d", "", "")
    assert quoted.document_lengths.tolist() == [6, 1, 0, 1]  # three rows in one


def test_quotes_of_csv_can_be_taken_as_they_come(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('body,kind\n"engine motor,a\nflour butter,b\nsugar oven",c\n')
    options: dict[str, object] = {"min_df": 1, "max_df": 1.0, "quoting": "none"}
    assert read_table(file, "body", "kind", **options).labels == ("a", "b", "c")  # type: ignore
    with pytest.raises(ValueError, match="quoting is 'all'; expected one of 'minimal', 'none'"):
        read_table(file, "body", quoting="all")
    (tmp_path / "t.jsonl").write_text('{"body": "cats"}\n')
    with pytest.raises(ValueError, match="quoting is 'none'; expected None except for CSV and TSV"):
        read_table(tmp_path / "t.jsonl", "body", quoting="none")


def test_a_quote_that_swallows_rows_is_told(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    rows = [f"cats and mice {number},{number}" for number in range(30)]
    rows[3], rows[20] = '"so-called cats,3', 'mice",20'
    file.write_text("\n".join(["body,id", *rows]) + "\n")
    options: dict[str, object] = {"min_df": 1, "max_df": 1.0}
    with pytest.warns(UserWarning, match=r"t\.csv, line 5: a quote makes one row of 18 lines"):
        corpus = read_table(file, "body", **options)  # type: ignore[arg-type]
    assert len(corpus) == 13
    poem = "\n".join(["cats, mice"] * 3 + ["cats"] * 30)  # few of its lines look like rows
    file.write_text(f'body,id\n"{poem}",1\nmice,2\n')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_table(file, "body", **options)) == 2  # type: ignore[arg-type]


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
