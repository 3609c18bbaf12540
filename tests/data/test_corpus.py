import copy
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import Corpus
from tests.data.strategies import csr_matrices

ROWS = np.array([[2, 0, 1], [0, 0, 0], [0, 3, 0]])


@given(csr_matrices())
def test_from_scipy_keeps_the_counts_and_obeys_the_rules(matrix: Any) -> None:
    before = copy.deepcopy((matrix.data, matrix.indices, matrix.indptr))
    corpus = Corpus.from_scipy(matrix)

    np.testing.assert_array_equal(corpus.to_scipy().toarray(), matrix.toarray())
    assert [a.dtype for a in (corpus.indptr, corpus.indices, corpus.counts)] == [
        np.int64,
        np.int32,
        np.float32,
    ]
    assert (corpus.counts > 0).all()
    for start, end in zip(corpus.indptr[:-1], corpus.indptr[1:], strict=True):
        assert (np.diff(corpus.indices[start:end]) > 0).all()
    for kept, now in zip(before, (matrix.data, matrix.indices, matrix.indptr), strict=True):
        np.testing.assert_array_equal(kept, now)
    np.testing.assert_allclose(corpus.document_lengths, matrix.toarray().sum(1))


@pytest.mark.parametrize(
    "form", [np.asarray, sp.csr_array, sp.csc_matrix, sp.coo_array, sp.lil_array]
)
def test_from_scipy_takes_every_form(form: Any) -> None:
    corpus = Corpus.from_scipy(form(ROWS), ["a", "b", "c"], ["x", "y", "x"], ["1", "2", "3"])
    np.testing.assert_array_equal(corpus.to_scipy().toarray(), ROWS)
    assert (corpus.n_documents, corpus.n_words, corpus.n_tokens) == (3, 3, 6)
    assert repr(corpus) == "Corpus(3 documents, 3 words, 6 tokens, 2 labels)"


def test_a_corpus_cannot_be_changed() -> None:
    counts = np.array([1.0, 2.0], np.float32)
    corpus = Corpus(np.array([0, 2]), np.array([0, 1], np.int32), counts, ("a", "b"))
    counts[0] = 9
    assert corpus.counts.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        corpus.counts[0] = 9
    with pytest.raises(AttributeError):
        corpus.counts = counts  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(corpus)) == corpus


@given(csr_matrices(), st.data())
def test_rows_equal_scipy_rows(matrix: Any, data: st.DataObject) -> None:
    corpus = Corpus.from_scipy(matrix, labels=list(range(matrix.shape[0])))  # type: ignore[arg-type]
    n = corpus.n_documents
    rows: Any = data.draw(
        st.lists(st.integers(-n, n - 1))
        | st.slices(n)
        | st.lists(st.booleans(), min_size=n, max_size=n)
    )
    rows = (
        np.array(rows, bool if rows and isinstance(rows[0], bool) else int)
        if isinstance(rows, list)
        else rows
    )
    part = corpus[rows]
    np.testing.assert_array_equal(part.to_scipy().toarray(), corpus.to_scipy().toarray()[rows])
    assert part.labels == tuple(np.array(corpus.labels)[rows])
    assert part.vocabulary is corpus.vocabulary


def test_one_row_and_bad_rows() -> None:
    corpus = Corpus.from_scipy(ROWS)
    assert corpus[2].to_scipy().toarray().tolist() == [[0, 3, 0]]
    assert len(corpus[[]]) == 0
    with pytest.raises(IndexError):
        corpus[[3]]


GOOD: dict[str, Any] = {
    "indptr": [0, 1, 3],
    "indices": [0, 0, 1],
    "counts": [1.0, 2.0, 3.0],
    "vocabulary": ("a", "b"),
}
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"indptr": [0.0, 1.0, 3.0]}, TypeError, "indptr must hold integers, got dtype float64"),
    ({"indptr": [[0, 1, 3]]}, ValueError, r"indptr must have 1 dimension, got shape \(1, 3\)"),
    ({"indptr": [1, 1, 3]}, ValueError, r"indptr\[0\] must be 0, got 1"),
    (
        {"indptr": [0, 1, 4]},
        ValueError,
        r"indptr\[-1\] must equal the number of nonzeros, 3, got 4",
    ),
    ({"indptr": [0, 2, 1, 3]}, ValueError, r"indptr\[1\] = 2 and indptr\[2\] = 1"),
    ({"indptr": [0], "indices": [], "counts": []}, ValueError, "empty corpus: indptr has 1"),
    ({"indices": ["a", "b", "c"]}, TypeError, "indices must hold integers, got dtype <U1"),
    ({"indices": [0, 2, 1]}, ValueError, r"indices\[1\] = 2 is out of range.*< 2"),
    ({"indices": [0, 0, -1]}, ValueError, r"indices\[2\] = -1 is out of range"),
    ({"indices": [0, 1]}, ValueError, r"indices and counts must have one shape, got \(2,\)"),
    ({"counts": [1j, 2, 3]}, TypeError, "counts must hold real numbers, got dtype complex128"),
    ({"counts": [1, -2, 3]}, ValueError, r"counts\[1\] = -2 is not a count"),
    ({"counts": [1, 2, np.nan]}, ValueError, r"counts\[2\] = nan is not a count"),
    ({"counts": [np.inf, 2, 3]}, ValueError, r"counts\[0\] = inf is not a count"),
    ({"counts": [1e39, 2, 3]}, ValueError, r"counts\[0\] = 1e\+39 is not a count.*float32"),
    ({"counts": [0, 0, 0]}, ValueError, "every document is empty: 2 documents"),
    ({"vocabulary": ()}, ValueError, "empty corpus: the vocabulary has no words"),
    ({"vocabulary": "ab"}, TypeError, "vocabulary must be a sequence of str, got the single str"),
    ({"vocabulary": ("a", 1)}, TypeError, r"vocabulary\[1\] = 1 must be a str, got int"),
    ({"vocabulary": ("a", "a")}, ValueError, r"vocabulary\[1\] = 'a' repeats vocabulary\[0\]"),
    ({"vocabulary": ("a", " ")}, ValueError, r"vocabulary\[1\] = ' ' is empty"),
    ({"vocabulary": ("a\nb", "b")}, ValueError, r"vocabulary\[0\] = 'a\\nb' holds a line break"),
    (
        {"vocabulary": ("a", "\ud800")},
        ValueError,
        "vocabulary holds text that is not valid Unicode",
    ),
    ({"labels": ["x"]}, ValueError, "labels has length 1, expected 2, the number of documents"),
    ({"labels": [1.5, "x"]}, TypeError, r"labels\[0\] = 1.5 must be a str, got float"),
    ({"document_ids": ["x"] * 3}, ValueError, "document_ids has length 3, expected 2"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD, ids=[str(b[0])[:40] for b in BAD])
def test_bad_input_is_named(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    Corpus(**GOOD)
    with pytest.raises(error, match=message):
        Corpus(**{**GOOD, **changes})


BAD_MATRICES: list[tuple[Any, type[Exception], str]] = [
    ([[1, 2]], TypeError, "matrix must be a scipy sparse matrix or a numpy array.*got list"),
    (np.ones(3), TypeError, r"2 dimensions, got ndarray \(3,\)"),
    (np.ones((0, 3)), ValueError, r"empty corpus: matrix has shape \(0, 3\)"),
    (sp.csr_array((3, 0)), ValueError, r"empty corpus: matrix has shape \(3, 0\)"),
    (sp.csr_array((3, 2)), ValueError, "every document is empty: 3 documents"),
    (np.array([["a"]]), TypeError, "matrix must hold real numbers, got dtype <U1"),
    (sp.coo_array(np.array([[1.0, -1.0]])), ValueError, r"counts\[1\] = -1.0 is not a count"),
]


@pytest.mark.parametrize(("matrix", "error", "message"), BAD_MATRICES)
def test_bad_matrix_is_named(matrix: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Corpus.from_scipy(matrix)


def test_vocabulary_of_another_length() -> None:
    with pytest.raises(
        ValueError, match="vocabulary has length 2, expected 3, the number of words"
    ):
        Corpus.from_scipy(ROWS, ["a", "b"])


def test_a_negative_count_is_not_hidden_by_its_repeat() -> None:
    matrix = sp.csr_array(([-1.0, 2.0], [0, 0], [0, 2]), shape=(1, 1))
    with pytest.raises(ValueError, match=r"counts\[0\] = -1.0"):
        Corpus.from_scipy(matrix)
