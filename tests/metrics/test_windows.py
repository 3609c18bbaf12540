from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.metrics import cooccurrence, npmi
from ntm_fast.metrics.cooccurrence import count_windows
from tests.metrics.corpora import npmi_of_sets, texts, topics


def windows(documents: Iterable[list[int]], width: int) -> list[set[int]]:
    """The words present in each window, by gensim's rule: a word goes with its first copy."""
    units = []
    for tokens in documents:
        present = set(tokens[:width])
        units.append(set(present))
        for leaving, entering in zip(tokens, tokens[width:], strict=False):
            present.discard(leaving)
            present.add(entering)
            units.append(set(present))
    return units


def test_windows_by_hand() -> None:
    # a b | b a | a c: a in 3 windows, b in 2, c in 1; the empty text is a window too.
    counts = count_windows(np.array([["a", "b", "c"]]), [["a", "b", "a", "c"], []], 2)
    assert counts.n_units == 4
    assert counts.joint.tolist() == [[[3, 2, 1], [2, 2, 0], [1, 0, 1]]]
    # a a b | a b c: the first a leaves, and with it the word, though a copy is still inside.
    counts = count_windows(np.array([["a", "b", "c"]]), [["a", "a", "b", "c"]], 3)
    assert counts.joint.tolist() == [[[1, 1, 0], [1, 2, 1], [0, 1, 1]]]
    # A text shorter than the window is one window.
    counts = count_windows(np.array([["a", "b"]]), [["a"], ["x", "b", "a"]], 10)
    assert counts.n_units == 2
    assert counts.joint.tolist() == [[[2, 1], [1, 1]]]


@given(st.data(), st.integers(1, 8), st.sampled_from([1, 5, 1 << 22]))
def test_equals_the_definition(data: st.DataObject, width: int, chunk: int) -> None:
    documents, n_words = data.draw(texts())
    words = data.draw(topics(n_words))
    n = words.shape[1]
    expected = [npmi_of_sets(topic, windows(documents, width)) for topic in words]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "CHUNK", chunk)
        result = npmi(words, iter(documents), n=n, window=width)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    whole = [npmi_of_sets(topic, [set(tokens) for tokens in documents]) for topic in words]
    np.testing.assert_allclose(npmi(words, documents, n=n), whole, rtol=0, atol=1e-12)

    # Ids and strings, in top words and in texts, all say the same.
    vocabulary = [f"w{i}" for i in range(n_words)]
    strings = [[vocabulary[i] for i in tokens] for tokens in documents]
    names = np.array(vocabulary)[words]
    options: dict[str, Any] = {"n": n, "window": width}
    for result_again in (
        npmi(words, strings, vocabulary=vocabulary, **options),
        npmi(names, documents, vocabulary=vocabulary, **options),
        npmi(names, strings, **options),
    ):
        np.testing.assert_array_equal(result_again, result)


@pytest.mark.parametrize("width", [1, 2, 5, 10, 10**6])
def test_equals_gensim(width: int) -> None:
    models = pytest.importorskip("gensim.models")
    corpora = pytest.importorskip("gensim.corpora")
    rng = np.random.default_rng(width)
    vocabulary = np.array([f"w{i:02d}" for i in range(12)])
    documents = [vocabulary[rng.integers(0, 12, length)].tolist() for length in (3, 0, 40, 7, 19)]
    names = np.stack([vocabulary[rng.permutation(12)[:5]] for _ in range(6)])
    model = models.CoherenceModel(
        topics=names.tolist(),
        texts=documents,
        dictionary=corpora.Dictionary([vocabulary.tolist()]),
        coherence="c_npmi",
        window_size=width,
        topn=5,
        processes=1,
    )
    result = npmi(names, documents, n=5, window=width)
    np.testing.assert_allclose(result, model.get_coherence_per_topic(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("documents", "options", "error", "match"),
    [
        ("a b", {}, TypeError, "corpus is a str"),
        (["a b"], {}, TypeError, r"texts\[0\] is 'a b'"),
        ([["a"], 3], {}, TypeError, r"texts\[1\] is 3"),
        ([[0.5]], {}, TypeError, "array of float64"),
        (np.eye(2, dtype=int), {}, TypeError, "Corpus.from_scipy"),
        ([], {}, ValueError, "no documents"),
        ([[0, 1]], {}, ValueError, "vocabulary is None"),
        ([["a"]], {"window": 0}, ValueError, "window is 0; expected >= 1"),
        ([["a"]], {"window": 2.5}, TypeError, "window is 2.5"),
    ],
)
def test_bad_texts(documents, options, error, match) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=match):
        npmi([["a", "b"]], documents, n=2, **options)


def test_negative_ids() -> None:
    with pytest.raises(ValueError, match=r"texts\[1\] holds -3"):
        npmi([[0, 1]], [[0], [-3]], n=2)
