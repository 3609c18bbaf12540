from math import exp, inf, log

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor

from ntm_fast.data import Corpus, split_tokens
from ntm_fast.metrics import perplexity
from tests.metrics.corpora import corpora, corpus_of


class Unigram:
    """Draws every word from one distribution; θ has a single topic, so the ELBO is exact."""

    def __init__(self, probabilities: list[float]) -> None:
        self.log_p = np.array([log(p) if p > 0 else -inf for p in probabilities])
        self.asked: list[Corpus] = []

    def topic_proportions(self, corpus: Corpus) -> Tensor:
        self.asked.append(corpus)
        return torch.ones(corpus.n_documents, 1)

    def log_likelihood(self, theta: Tensor, corpus: Corpus) -> Tensor:
        self.asked.append(corpus)
        assert theta.shape == (corpus.n_documents, 1)
        matrix = corpus.to_scipy().tocoo()
        value = np.zeros(corpus.n_documents)
        np.add.at(value, matrix.row, matrix.data * self.log_p[matrix.col])
        return torch.from_numpy(value)

    def elbo(self, corpus: Corpus, seed: int) -> Tensor:
        return self.log_likelihood(torch.ones(corpus.n_documents, 1), corpus)


# 3 tokens; none; 1 token, one half of which is empty; 4 tokens.
CORPUS = corpus_of([[2, 1, 0], [0, 0, 0], [0, 0, 1], [2, 0, 2]])
P = [0.5, 0.3, 0.2]
BOUND = np.array([2 * log(0.5) + log(0.3), log(0.2), 2 * log(0.5) + 2 * log(0.2)])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("per_word", exp(-BOUND.sum() / 8)),
        ("per_document", exp(-(BOUND / [3, 1, 4]).mean())),
        ("elbo", BOUND.mean()),
    ],
)
def test_bounds_by_hand(kind: str, expected: float) -> None:
    assert perplexity(Unigram(P), CORPUS, kind) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_held_out_words(seed: int) -> None:
    model = Unigram(P)
    value = perplexity(model, CORPUS, seed=seed)
    one, two = (half[[0, 3]] for half in split_tokens(CORPUS, fraction=0.5, seed=seed))
    assert model.asked == [one, two]  # θ from half one, words of half two
    counts = two.to_scipy().sum(axis=0)
    assert value == pytest.approx(exp(-(counts * np.log(P)).sum() / counts.sum()), rel=1e-6)
    assert value == perplexity(Unigram(P), CORPUS, "held_out_words", seed=seed)


@given(corpora())
def test_guessing_uniformly_has_perplexity_v(corpus: Corpus) -> None:
    n_words = corpus.n_words
    model = Unigram([1 / n_words] * n_words)
    for kind in ("per_word", "per_document"):
        assert perplexity(model, corpus, kind) == pytest.approx(n_words)
    if corpus.document_lengths.max() > 1:
        assert perplexity(model, corpus) == pytest.approx(n_words)


def test_an_impossible_word_is_infinitely_perplexing() -> None:
    assert perplexity(Unigram([0.5, 0.5, 0]), CORPUS, "per_word") == inf
    assert perplexity(Unigram([1e-300, 1e-300, 1]), corpus_of([[9, 9, 0]]), "per_word") > 1e299


@pytest.mark.parametrize("returned", [torch.zeros(4), torch.zeros(3, 1), torch.tensor(0.0)])
def test_a_wrong_shape_is_named(returned: Tensor) -> None:
    model = Unigram(P)
    model.elbo = lambda corpus, seed: returned  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"model.elbo returned shape .* expected \(3,\)"):
        perplexity(model, CORPUS, "per_word")


def test_nan_is_named() -> None:
    model = Unigram(P)
    model.elbo = lambda corpus, seed: torch.tensor([0, float("nan"), 0])  # type: ignore[method-assign]
    with pytest.raises(
        ValueError, match=r"model\.elbo returned NaN, first for evaluated document 1"
    ):
        perplexity(model, CORPUS, "per_document")


def test_other_kinds_need_an_elbo() -> None:
    class Gibbs:
        topic_proportions, log_likelihood = Unigram.topic_proportions, Unigram.log_likelihood

        def __init__(self) -> None:
            Unigram.__init__(self, P)  # type: ignore[arg-type]

    corpus = Corpus.from_scipy(np.full((3, 3), 4.0))
    assert perplexity(Gibbs(), corpus) == perplexity(Unigram(P), corpus)
    with pytest.raises(ValueError, match="kind is 'per_word', but Gibbs has no ELBO; expected"):
        perplexity(Gibbs(), corpus, "per_word")


def test_bad_input() -> None:
    with pytest.raises(
        ValueError, match="kind is 'bits'; expected one of 'held_out_words', 'per_word'"
    ):
        perplexity(Unigram(P), CORPUS, "bits")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one half of the tokens is empty"):
        perplexity(Unigram(P), corpus_of([[1, 0, 0], [0, 0, 1]]))
    with pytest.raises(ValueError, match="every document is empty"):
        perplexity(Unigram(P), CORPUS[[1]], "per_word")
    with pytest.raises(ValueError, match="seed is -1"):
        perplexity(Unigram(P), CORPUS, seed=-1)
    for wrong in (CORPUS.to_scipy(), [["a", "b"]]):
        with pytest.raises(TypeError, match=r"corpus is a \w+; expected a Corpus"):
            perplexity(Unigram(P), wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="model is a int; expected a fitted estimator"):
        perplexity(3, CORPUS)  # type: ignore[arg-type]
