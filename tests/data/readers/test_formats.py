"""Every row of the table of formats is read, and is in the docs, the help and the errors."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from ntm_fast.__main__ import main
from ntm_fast.data import Corpus, datasets, read
from ntm_fast.data.readers.formats import FORMATS, READY_MADE, Format, accepted, as_markdown
from ntm_fast.data.readers.read import format_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats.md"
TEXTS = ("cats mice", "mice cats", "stars planets", "planets stars")
WORDS = ("cats", "mice", "planets", "stars")
ENTRIES = [(d, WORDS.index(word)) for d, text in enumerate(TEXTS) for word in text.split()]


def counts() -> np.ndarray:
    matrix = np.zeros((len(TEXTS), len(WORDS)))
    for document, word in ENTRIES:
        matrix[document, word] += 1
    return matrix


def columns(*head: str, delimiter: str) -> Callable[[Path], None]:
    return lambda path: write(path, [delimiter.join(head), *TEXTS])


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def words_beside(path: Path, name: str = "vocab.txt") -> None:
    write(path.parent / name, list(WORDS))


def folder_of_texts(path: Path) -> None:
    path.mkdir()
    for number, text in enumerate(TEXTS):
        (path / f"{number}.txt").write_text(text)


def json_lines(path: Path) -> None:
    write(path, [json.dumps({"text": text}) for text in TEXTS])


def parquet(path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": list(TEXTS)}), path)


def matrix(path: Path) -> None:
    words_beside(path)
    sp.save_npz(path, sp.csr_matrix(counts()))


def uci(path: Path) -> None:
    words_beside(path, f"vocab.{path.name.removesuffix('.gz').removeprefix('docword.')}")
    lines = [f"{document + 1} {word + 1} 1" for document, word in ENTRIES]
    write(path, [str(len(TEXTS)), str(len(WORDS)), str(len(ENTRIES)), *lines])


def libsvm(path: Path) -> None:
    words_beside(path)
    rows = ([w for d, w in ENTRIES if d == document] for document in range(len(TEXTS)))
    write(path, [" ".join(["1", *(f"{word + 1}:1" for word in sorted(row))]) for row in rows])


def octis(path: Path) -> None:
    path.mkdir()
    write(path / "corpus.tsv", [f"{text}\ttrain\tx" for text in TEXTS])


WRITERS: dict[str, Callable[[Path], None]] = {
    "lines of text": lambda path: write(path, list(TEXTS)),
    "folder of texts": folder_of_texts,
    "CSV": columns("text", delimiter=","),
    "TSV": columns("text", delimiter="\t"),
    "JSON lines": json_lines,
    "Parquet": parquet,
    "SciPy sparse matrix": matrix,
    "UCI bag of words": uci,
    "libsvm": libsvm,
    "OCTIS folder": octis,
    "saved corpus": lambda path: Corpus.from_scipy(counts(), WORDS).save(path),
}


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_every_format_is_read_by_its_row(row: Format, tmp_path: Path) -> None:
    names = [f"d{ending}" for ending in row.endings] or [row.example]
    for number, name in enumerate(names):
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        WRITERS[row.name](path)
        assert format_of(path) == (row, path)
        corpus = read(path)
        assert corpus.vocabulary == WORDS
        np.testing.assert_array_equal(corpus.to_scipy().toarray(), counts())
        if row.gzipped:
            zipped = path.with_name(f"{path.name}.gz")
            zipped.write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
            assert format_of(zipped) == (row, zipped)
            assert read(zipped) == corpus


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_a_row_is_whole(row: Format) -> None:
    assert callable(row.function)
    assert sum(map(bool, (row.endings, row.prefix, row.inside))) == 1, "one way to recognise it"
    options = {*row.defaults, *row.remembered, *filter(None, [row.columns])}
    assert options <= set(row.parameters)
    assert bool(row.columns) == bool(row.words_beside)
    assert row.inside or row.has_name(row.example)
    assert row.doc[0].isupper()
    assert row.doc.endswith(".")


def test_names_and_recognition_are_distinct() -> None:
    marks = [mark for row in FORMATS for mark in (*row.endings, row.prefix, row.inside) if mark]
    assert len(set(marks)) == len(marks)
    assert set(WRITERS) == {row.name for row in FORMATS}
    assert len(WRITERS) == len(FORMATS)


def test_the_page_has_the_table() -> None:
    found = re.search(
        r"<!-- formats: begin.*?-->\n(.*)<!-- formats: end -->", PAGE.read_text(), re.S
    )
    assert found
    assert found[1] == as_markdown(), "docs/formats.md: replace the table by what as_markdown makes"


def test_help_and_errors_list_all_formats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "4000")
    for command in ("corpus", "evaluate"):
        main([command, "--help"])
        printed = capsys.readouterr().out
        for row in FORMATS:
            assert f"{row.name}: {row.recognised_by}" in printed
        assert all(name in printed for name in READY_MADE)
    (tmp_path / "d.doc").write_text("x")
    with pytest.raises(ValueError, match="cannot tell what") as error:
        read(tmp_path / "d.doc")
    assert accepted() in str(error.value)


def test_ready_made_corpora_are_functions() -> None:
    assert all(callable(getattr(datasets, name)) for name in READY_MADE)
