from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data.datasets import synthetic


@given(
    st.integers(1, 20),
    st.integers(1, 30),
    st.integers(1, 5),
    st.sampled_from([1e-6, 0.1, 10.0]),
    st.sampled_from([1e-6, 0.1, 10.0]),
    st.sampled_from([1, 2.5, 40]),
)
def test_shapes_and_sums(
    n_documents: int, n_words: int, n_topics: int, alpha: float, eta: float, length: float
) -> None:
    corpus, topics, theta = synthetic(
        n_documents,
        n_words,
        n_topics,
        document_length=length,
        concentration=alpha,
        topic_concentration=eta,
    )
    assert (corpus.n_documents, corpus.n_words) == (n_documents, n_words)
    assert topics.shape == (n_topics, n_words)
    assert theta.shape == (n_documents, n_topics)
    for rows in (topics, theta):
        assert (rows >= 0).all()
        np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-5)
    assert (corpus.document_lengths >= 1).all()
    assert corpus.labels == tuple(f"topic{k}" for k in theta.argmax(1))


def test_counts_follow_the_topics() -> None:
    corpus, topics, theta = synthetic(300, 40, 4, document_length=2000, seed=1)
    expected = corpus.document_lengths[:, None] * (theta @ topics)
    # Every count is binomial: its standardised square has mean 1.
    z = (corpus.to_scipy().toarray() - expected) ** 2 / np.maximum(expected, 1e-9)
    assert abs(z[expected > 1].mean() - 1) < 0.1
    assert abs(corpus.document_lengths.mean() - 2000) < 5 * np.sqrt(2000 / 300)


def test_the_seed_decides() -> None:
    first, again, other = (synthetic(50, 60, 3, seed=seed) for seed in (4, 4, 5))
    assert first[0] == again[0]
    assert first[0] != other[0]


@pytest.mark.parametrize(
    "bad",
    [
        {"n_documents": 0},
        {"n_words": 0},
        {"n_topics": -1},
        {"document_length": 0.5},
        {"concentration": 0.0},
        {"topic_concentration": float("nan")},
    ],
)
def test_bad_arguments_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        synthetic(**bad)
