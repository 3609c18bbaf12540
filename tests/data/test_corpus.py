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
