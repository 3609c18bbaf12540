import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ntm_fast.metrics import relevance_of_words, top_words

SCORES = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.uint8]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.integers(0, 3),
)


@given(SCORES, st.data())
def test_equals_a_stable_sort(scores: np.ndarray, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, scores.shape[1]))
    expected = np.argsort(-scores.astype(float), axis=1, kind="stable")[:, :n]
    result = top_words(scores, n)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(top_words(torch.as_tensor(scores.astype(float)), n), expected)


def test_infinities_are_ranked() -> None:
    assert top_words([[-np.inf, 2.0, np.inf, -3.0]], 4).tolist() == [[2, 1, 3, 0]]


@pytest.mark.parametrize(
    ("scores", "n", "match"),
    [
        ([1.0, 2.0], 1, r"components has shape \(2,\)"),
        (np.zeros((0, 3)), 1, r"components has shape \(0, 3\)"),
        ([[1.0, 2.0]], 3, "n is 3; expected >= 1 and <= 2"),
        ([[1.0, 2.0]], 0, "n is 0"),
        ([[1.0, float("nan")]], 1, "components holds NaN"),
        ([["a", "b"]], 1, "components has dtype"),
        ([[1.0], [1.0, 2.0]], 1, "components is not a rectangular array"),
    ],
)
def test_bad_input(scores, n, match) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=match):
        top_words(scores, n)


TOPICS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(1e-9, 1),
)


@given(TOPICS, st.floats(0, 1))
def test_relevance_is_its_formula(topics: np.ndarray, weight: float) -> None:
    beta = topics / topics.sum(axis=1, keepdims=True)
    lift = beta / beta.mean(axis=0)
    expected = weight * np.log(beta) + (1 - weight) * np.log(lift)
    np.testing.assert_allclose(relevance_of_words(beta, weight), expected, rtol=1e-9, atol=1e-9)


def test_a_word_of_all_topics_gives_way() -> None:
    beta = [[0.5, 0.3, 0.2, 0.0], [0.5, 0.1, 0.0, 0.4]]
    assert top_words(beta, 2).tolist() == [[0, 1], [0, 3]]
    assert top_words(beta, 2, relevance=0.2).tolist() == [[2, 1], [3, 0]]


def test_a_word_without_probability_comes_last() -> None:
    assert top_words([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]], 3, relevance=0.0).tolist() == [
        [1, 0, 2],
        [2, 1, 0],
    ]


@pytest.mark.parametrize(
    ("scores", "weight", "match"),
    [
        ([[0.5, 0.5]], -0.1, "relevance is -0.1; expected a number in .0, 1."),
        ([[0.5, 0.5]], float("nan"), "relevance is nan"),
        ([[1.5, -0.5]], 0.5, "components holds -0.5"),
    ],
)
def test_bad_relevance(scores, weight, match) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=match):
        top_words(scores, 1, relevance=weight)
