from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.metrics import cooccurrence, npmi
from tests.metrics.corpora import corpora, corpus_of, npmi_of_sets, topics

# Word 0 in documents 0 and 1, word 1 in 0 and 2, word 2 in 3, word 3 in all, word 4 in none.
CORPUS = corpus_of([[1, 2, 0, 1, 0], [3, 0, 0, 1, 0], [0, 1, 0, 4, 0], [0, 0, 1, 1, 0]])


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((0, 1), 0.0),  # p_ab = 1/4 = p_a p_b
        ((0, 2), log(1e-12 / (1 / 2 * 1 / 4)) / -log(1e-12)),  # never together
        ((0, 3), 0.0),  # a word in every document tells nothing
        ((0, 4), -1.0),  # a word in no document
        ((4, 0), -1.0),
    ],
)
def test_pairs_by_hand(pair: tuple[int, int], expected: float) -> None:
    assert npmi([pair], CORPUS, n=2) == pytest.approx([expected], abs=1e-11)


def test_missing_scores_pairs_never_together() -> None:
    assert npmi([[0, 2]], CORPUS, n=2, missing=-1) == [-1]
    assert npmi([[0, 1]], CORPUS, n=2, missing=-1) == npmi([[0, 1]], CORPUS, n=2)


def test_pair_in_every_document_scores_one() -> None:
    assert npmi([[0, 1]], corpus_of([[1, 2], [3, 1]]), n=2) == [1]


@given(st.data(), st.sampled_from([None, -1, 0.25]))
def test_equals_the_definition(data: st.DataObject, missing: float | None) -> None:
    corpus = data.draw(corpora())
    words = data.draw(topics(corpus.n_words))
    documents = [set(np.flatnonzero(row)) for row in corpus.to_scipy().toarray()]
    result = npmi(words, corpus, n=words.shape[1], missing=missing)
    expected = [npmi_of_sets(topic, documents, missing) for topic in words]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    assert np.isfinite(result).all()

    strings = np.array(corpus.vocabulary)[words]
    np.testing.assert_array_equal(npmi(strings, corpus, n=words.shape[1], missing=missing), result)


def test_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    corpus = corpus_of(rng.poisson(0.4, (60, 9)).tolist())
    words = np.stack([rng.permutation(9)[:5] for _ in range(4)])
    whole = npmi(words, corpus, n=5)
    for chunk in (1, 7, 50):
        monkeypatch.setattr(cooccurrence, "CHUNK", chunk)
        np.testing.assert_array_equal(npmi(words, corpus, n=5), whole)


def test_only_the_first_n_count() -> None:
    np.testing.assert_array_equal(
        npmi([[0, 1, 2], [3, 0, 1]], CORPUS, n=2), npmi([[0, 1], [3, 0]], CORPUS, n=2)
    )


@pytest.mark.parametrize(
    ("words", "options", "error", "match"),
    [
        ([[0, 1]], {"n": 1}, ValueError, "n is 1; expected >= 2"),
        ([[0, 1]], {"n": 3}, ValueError, "n is 3; expected <= 2"),
        ([[0, 1]], {"n": 2.0}, TypeError, "n is 2.0"),
        ([0, 1], {"n": 2}, ValueError, r"top_words has shape \(2,\)"),
        ([[0, 1], [2, 2]], {"n": 2}, ValueError, r"top_words\[1\] repeats 2"),
        ([[0, 5]], {"n": 2}, ValueError, "id 5; expected < 5"),
        ([[0, -1]], {"n": 2}, ValueError, "-1; expected word ids >= 0"),
        ([[0.0, 1.0]], {"n": 2}, TypeError, "float64"),
        ([["0", "cat"]], {"n": 2}, ValueError, "'cat', which the vocabulary lacks"),
        ([[0, 1]], {"n": 2, "missing": -2}, ValueError, "missing is -2"),
        ([[0, 1]], {"n": 2, "missing": float("nan")}, ValueError, "missing is nan"),
        ([[0, 1]], {"n": 2, "window": 10}, TypeError, "no word order"),
    ],
)
def test_bad_input(words, options, error, match) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=match):
        npmi(words, CORPUS, **options)
