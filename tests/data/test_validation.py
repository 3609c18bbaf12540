from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from ntm_fast.data import Corpus

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
    ({"vocabulary": {"a", "b"}}, TypeError, "vocabulary is a set, which has no order"),
    ({"vocabulary": {"a": 0, "b": 2}}, ValueError, "maps 2 words to columns that are not 0 to 1"),
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
        Corpus.from_scipy(np.eye(3), ["a", "b"])


def test_a_negative_count_is_not_hidden_by_its_repeat() -> None:
    matrix = sp.csr_array(([-1.0, 2.0], [0, 0], [0, 2]), shape=(1, 1))
    with pytest.raises(ValueError, match=r"counts\[0\] = -1.0"):
        Corpus.from_scipy(matrix)
