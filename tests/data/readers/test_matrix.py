import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given

from ntm_fast.data import read_libsvm, read_npz, read_uci
from tests.data.strategies import csr_matrices

ROWS = np.array([[0, 2, 1], [0, 0, 0], [0, 0, 3]])
WORDS = ["a", "b", "c"]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    return tmp_path / "words.txt"


def test_npz(tmp_path: Path, words: Path) -> None:
    sp.save_npz(tmp_path / "m.npz", sp.csr_matrix(ROWS))
    for vocabulary in (words, WORDS):
        corpus = read_npz(tmp_path / "m.npz", vocabulary)
        np.testing.assert_array_equal(corpus.to_scipy().toarray(), ROWS)
        assert corpus.vocabulary == ("a", "b", "c")
    assert read_npz(tmp_path / "m.npz").vocabulary == ("0", "1", "2")
    with pytest.raises(ValueError, match=r"m.npz: vocabulary has length 1, expected 3"):
        read_npz(tmp_path / "m.npz", ["a"])
    sp.save_npz(tmp_path / "t.npz", sp.csr_matrix(np.ones((3, 2))))
    with pytest.raises(ValueError, match="expected documents in rows and words in columns"):
        read_npz(tmp_path / "t.npz", words)


def test_bad_npz_is_named(tmp_path: Path) -> None:
    sp.save_npz(tmp_path / "m.npz", sp.csr_matrix(ROWS))
    data = (tmp_path / "m.npz").read_bytes()
    for size in (0, 4, len(data) // 2, len(data) - 2):
        (tmp_path / "cut.npz").write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"cut.npz"):
            read_npz(tmp_path / "cut.npz")
    np.savez(tmp_path / "dense.npz", ROWS)
    with pytest.raises(ValueError, match=r"dense.npz"):
        read_npz(tmp_path / "dense.npz")
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(ValueError, match=r"text.npz: not a sparse matrix of scipy, as save_npz"):
        read_npz(tmp_path / "text.npz")
    with pytest.raises(FileNotFoundError, match=r"none.npz does not exist"):
        read_npz(tmp_path / "none.npz")


UCI = "3\n3\n3\n1 2 2\n1 3 1\n3 3 3\n"


@pytest.mark.parametrize("name", ["docword.x.txt", "docword.x.txt.gz"])
def test_uci(tmp_path: Path, words: Path, name: str) -> None:
    data = UCI.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    corpus = read_uci(tmp_path / name, words)
    np.testing.assert_array_equal(corpus.to_scipy().toarray(), ROWS)
    assert corpus.vocabulary == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("3\nx\n3\n", "the header must be three lines D, V and N, got V = b'x"),
        (UCI[:-6], "the header announces 3 entries of 3 numbers, found 2 of 3: truncated"),
        (UCI.replace("3 3 3", "3 3 x"), "could not convert string 'x'"),
        (UCI.replace("3 3 3", "4 3 3"), "line 6: document 4 must be a whole number from 1 to 3"),
        (UCI.replace("1 2 2", "1 0 2"), "line 4: word 0 must be a whole number from 1 to 3"),
        (UCI.replace("1 2 2", "1 2 -2"), r"counts\[0\] = -2.0 is not a count"),
        (UCI.replace("1 2 2", "1 2 nan"), r"counts\[0\] = nan is not a count"),
    ],
)
def test_bad_uci_is_named(tmp_path: Path, words: Path, text: str, message: str) -> None:
    (tmp_path / "docword.x.txt").write_text(text)
    with pytest.raises(ValueError, match=rf"(?s)docword.x.txt: .*{message}"):
        read_uci(tmp_path / "docword.x.txt", words)


@given(csr_matrices(fractional=False))
def test_libsvm_takes_unsorted_and_repeated_words(
    tmp_path_factory: pytest.TempPathFactory, matrix: Any
) -> None:
    rows = np.split(np.stack([matrix.indices + 1, matrix.data]).T, matrix.indptr[1:-1])
    file = tmp_path_factory.mktemp("libsvm") / "d.feat"
    file.write_text(
        "".join("1 " + " ".join(f"{int(w)}:{int(c)}" for w, c in row) + "\n" for row in rows)
    )
    corpus = read_libsvm(file, [f"w{i}" for i in range(matrix.shape[1])])
    np.testing.assert_array_equal(corpus.to_scipy().toarray(), matrix.toarray())


@pytest.mark.parametrize(("zero_based", "shift"), [("auto", 1), (False, 1), (True, 0)])
def test_libsvm_numbering(tmp_path: Path, words: Path, zero_based: Any, shift: int) -> None:
    (tmp_path / "d.svmlight").write_text("3 1:2 2:1\n3\n-1 2:3\n")
    corpus = read_libsvm(tmp_path / "d.svmlight", words, zero_based=zero_based)
    np.testing.assert_array_equal(corpus.to_scipy().toarray(), np.roll(ROWS, -shift, axis=1))
    assert corpus.labels == ("3", "3", "-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 99999999999:1\n", "the number of a word is too large"),
        ("", "is empty"),
        ("1 4:1\n", "word 4 is beyond the 3 words of the vocabulary, numbered from 1"),
        ("1 a:1\n", "invalid literal"),
        ("1 2:-1\n", r"counts\[0\] = -1.0 is not a count"),
    ],
)
def test_bad_libsvm_is_named(tmp_path: Path, words: Path, text: str, message: str) -> None:
    (tmp_path / "d.feat").write_text(text)
    with pytest.raises(ValueError, match=f"d.feat.*{message}"):
        read_libsvm(tmp_path / "d.feat", words)
