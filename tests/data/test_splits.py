from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import Corpus, split_tokens, splits
from tests.data.strategies import csr_matrices


def numbered(n: int) -> Corpus:
    return Corpus.from_scipy(np.ones((n, 1)), document_ids=[str(i) for i in range(n)])


@given(st.integers(3, 60), st.sampled_from([0, 0.05, 0.2]), st.sampled_from([0, 0.1, 0.3]))
def test_a_split_parts_the_documents(n: int, validation: float, test: float) -> None:
    corpus = numbered(n)
    parts = corpus.split(validation, test, seed=3)
    again = corpus.split(validation, test, seed=3)
    assert parts == again
    ids = [int(i) for part in parts for i in part.document_ids or ()]
    assert sorted(ids) == list(range(n))
    for part, fraction in zip(parts[1:], (validation, test), strict=True):
        assert len(part) == (max(1, round(fraction * n)) if fraction else 0)


def test_another_seed_gives_another_split() -> None:
    assert numbered(100).split(seed=0)[1] != numbered(100).split(seed=1)[1]


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"validation": -0.1}, "validation is -0.1; expected a number in .0, 1."),
        ({"test": 1}, "test is 1; expected a number in .0, 1."),
        ({"validation": 0.5, "test": 0.5}, "must be below 1"),
        ({"validation": float("nan")}, "validation is nan; expected a number in .0, 1."),
        ({}, "2 documents are too few"),
    ],
)
def test_bad_fractions_are_named(fractions: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        numbered(2).split(**fractions)  # type: ignore[arg-type]


@given(csr_matrices(), st.sampled_from([0.2, 0.5, 0.9]))
def test_tokens_are_parted_without_loss(matrix: Any, fraction: float) -> None:
    corpus = Corpus.from_scipy(matrix, labels=[str(i) for i in range(matrix.shape[0])])
    first, second = split_tokens(corpus, fraction, seed=1)
    total = (first.to_scipy() + second.to_scipy()).toarray()
    np.testing.assert_array_equal(total, corpus.to_scipy().toarray())
    assert first.labels == second.labels == corpus.labels
    assert split_tokens(corpus, fraction, seed=1) == (first, second)


@given(csr_matrices(fractional=False), st.sampled_from([0.2, 0.5, 0.9]))
def test_every_document_gives_its_share(matrix: Any, fraction: float) -> None:
    corpus = Corpus.from_scipy(matrix)
    first, _ = split_tokens(corpus, fraction, seed=2)
    expected = np.floor(corpus.document_lengths * fraction + 0.5)
    np.testing.assert_array_equal(first.document_lengths, expected)


@pytest.mark.parametrize("block", [splits._BLOCK, 50, 5])
def test_draws_are_hypergeometric(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Counts (2, 3, 5), 5 of 10 drawn: mean 5·c/10, variance 5·(c/10)(1 − c/10)·(5/9). Small
    # blocks take the other paths: several blocks, and documents longer than a block.
    monkeypatch.setattr(splits, "_BLOCK", block)
    counts, n = np.array([2, 3, 5]), 4000
    first, _ = split_tokens(Corpus.from_scipy(np.tile(counts, (n, 1))), 0.5, seed=0)
    drawn = first.to_scipy().toarray()
    variance = 5 * counts / 10 * (1 - counts / 10) * 5 / 9
    np.testing.assert_allclose(drawn.mean(0), counts / 2, atol=5 * np.sqrt(variance.max() / n))
    np.testing.assert_allclose(drawn.var(0), variance, rtol=0.15)


@given(csr_matrices(), st.sampled_from([0.2, 0.5, 0.9]))
def test_long_documents_are_split_as_short_ones_are(matrix: Any, fraction: float) -> None:
    """By themselves or sorted together: a seed means the same tokens."""
    corpus = Corpus.from_scipy(matrix)
    found = []
    for most in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(splits, "_WHOLE_SORT", most)
            found.append(split_tokens(corpus, fraction, seed=3))
    assert found[0] == found[1]


def test_very_long_documents_and_bad_arguments() -> None:
    corpus = Corpus.from_scipy(np.array([[2.0**40, 2.0**30]]))
    first, _ = split_tokens(corpus)
    np.testing.assert_allclose(first.counts, corpus.counts / 2, rtol=1e-3)
    for fraction in (0, 1, float("nan")):
        with pytest.raises(ValueError, match=r"fraction is .*; expected a number in .0, 1."):
            split_tokens(corpus, fraction)
    with pytest.raises(ValueError, match="counts must be below"):
        split_tokens(Corpus.from_scipy(np.array([[2.0**60]])))
