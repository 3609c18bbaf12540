import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.metrics import redundancy, topic_diversity, topic_uniqueness
from tests.metrics.corpora import topics

WORDS = [["a", "b", "c"], ["a", "d", "e"], ["a", "b", "f"]]


def test_by_hand() -> None:
    # a in three topics, b in two, c to f in one: 6 distinct words of 9.
    assert topic_diversity(WORDS, n=3) == pytest.approx(6 / 9)
    expected = [(1 / 3 + 1 / 2 + 1) / 3, (1 / 3 + 1 + 1) / 3, (1 / 3 + 1 / 2 + 1) / 3]
    np.testing.assert_allclose(topic_uniqueness(WORDS, n=3), expected)
    np.testing.assert_allclose(redundancy(WORDS, n=3), [3 / 2, 2 / 2, 3 / 2])


def test_extremes() -> None:
    same, apart = np.tile(np.arange(4), (5, 1)), np.arange(20).reshape(5, 4)
    assert topic_diversity(same, n=4) == 1 / 5
    assert topic_diversity(apart, n=4) == 1
    assert redundancy(same, n=4).tolist() == [4] * 5
    assert redundancy(apart, n=4).tolist() == [0] * 5
    assert redundancy([[0, 1]], n=2).tolist() == [0]  # K = 1: no other topic
    assert topic_uniqueness([[0, 1]], n=2).tolist() == [1]


@given(st.integers(2, 7).flatmap(topics), st.data())
def test_equal_the_definitions(words: np.ndarray, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, words.shape[1]))
    top = [set(topic[:n]) for topic in words.tolist()]
    assert topic_diversity(words, n) == len(set().union(*top)) / (len(top) * n)
    unique = [np.mean([1 / sum(w in other for other in top) for w in own]) for own in top]
    np.testing.assert_allclose(topic_uniqueness(words, n), unique)
    assert topic_uniqueness(words, n).mean() == pytest.approx(topic_diversity(words, n))
    for k, value in enumerate(redundancy(words, n)):
        shared = sum(len(top[k] & other) for j, other in enumerate(top) if j != k)
        assert value == pytest.approx(shared / max(len(top) - 1, 1))


@pytest.mark.parametrize("measure", [topic_diversity, topic_uniqueness, redundancy])
def test_too_few_columns(measure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="n is 25; expected <= 3"):
        measure(WORDS, n=25)
