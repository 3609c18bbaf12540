import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ntm_fast.metrics import top_words

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
