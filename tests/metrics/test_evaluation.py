"""One record of all figures: each is what its own measure says, and what is missing has a note."""

import json
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ntm_fast import NVDM, WHAI, ProdLDA, metrics
from ntm_fast.data import Corpus
from ntm_fast.metrics import evaluate, evaluate_topics
from tests.helpers.blocks import block_corpus

CORPUS = block_corpus(n_documents=60)
SETTINGS: dict[str, Any] = {"epochs": 1, "hidden": (8,), "random_state": 0}


class Shares:
    """A model without an ELBO or a posterior: every document has the same θ."""

    def topic_weights(self) -> Tensor:
        weights = torch.arange(2.0 * CORPUS.n_words).reshape(2, -1) % 7
        return weights / weights.sum(1, keepdim=True)

    def topic_proportions(self, corpus: Corpus) -> Tensor:
        return torch.full((len(corpus), 2), 0.5)

    def log_likelihood(self, theta: Tensor, corpus: Corpus) -> Tensor:
        p = (theta @ self.topic_weights()).numpy() + 1e-3
        return torch.from_numpy(np.asarray(corpus.to_scipy().multiply(np.log(p)).sum(axis=1)))


@pytest.fixture(scope="module")
def model() -> ProdLDA:
    return ProdLDA(4, **SETTINGS).fit(CORPUS)


def test_figures_are_those_of_their_measures(model: ProdLDA) -> None:
    train, _, test = CORPUS.split(0.0, 0.2)
    found = evaluate(model, train, test, seed=3)
    words = model.top_word_ids(25)
    assert (found.n_documents, found.n_held_out) == (len(train), len(test))
    assert (found.n_coherent, found.n_diverse) == (10, 25)
    assert found.npmi_by_topic == tuple(metrics.npmi(words, train, n=10))
    assert found.npmi == float(metrics.npmi(words, train, n=10).mean())
    assert found.diversity == metrics.topic_diversity(words, 25)
    assert found.uniqueness == float(metrics.topic_uniqueness(words, 25).mean())
    assert found.redundancy == float(metrics.redundancy(words, 10).mean())
    assert found.perplexity == model.perplexity(test, "held_out_words", seed=3)
    assert found.perplexity_per_word == model.perplexity(test, "per_word", seed=3)
    assert found.perplexity_per_document == model.perplexity(test, "per_document", seed=3)
    assert found.elbo == metrics.perplexity(model, test, "elbo", seed=3)
    assert found.collapse == metrics.collapse(model, train, n=10)
    assert found.leading_topics == 4 - len(found.collapse.never_dominant)
    assert found.effective_topics == found.collapse.effective_topics
    assert found.duplicates == len(found.collapse.duplicates)
    if find_spec("gensim"):
        assert found.c_v == float(metrics.c_v(words, train, n=10).mean())
    else:
        assert found.c_v is None
        assert found.notes["c_v"].startswith("needs gensim")
    assert evaluate(model.model_, train, test).npmi_by_topic == tuple(
        metrics.npmi(metrics.top_words(model.components_, 25), train, n=10)
    )


def test_a_corpus_stands_for_the_held_out_documents_too(model: ProdLDA) -> None:
    found = evaluate(model, CORPUS, c_v=False)
    assert found.perplexity == model.perplexity(CORPUS)
    assert found.n_held_out == len(CORPUS)
    assert "held-out documents" not in found.facts()
    assert (found.c_v, "c_v" in found.notes) == (None, False)


def test_as_a_dict_and_as_text(model: ProdLDA) -> None:
    train, _, test = CORPUS.split(0.0, 0.2)
    found = evaluate(model, train, test, c_v=False)
    figures = found.as_dict()
    assert {"npmi", "diversity", "perplexity", "elbo", "duplicates"} <= set(figures)
    assert all(value == getattr(found, name) for name, value in figures.items())
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    lines = str(found).splitlines()
    assert lines[0].split() == ["documents", str(len(train))]
    assert lines[1].split()[-1] == str(len(test))
    assert any(line.split()[:3] == ["NPMI", "of", "the"] for line in lines)
    assert "diversity: at most 0.40 with 40 words for the top 25" in lines
    assert any(line.startswith("collapse ") for line in lines)


def test_what_cannot_be_compared_is_marked() -> None:
    whai, nvdm = (kind(4, **SETTINGS).fit(CORPUS) for kind in (WHAI, NVDM))
    found = evaluate(whai, CORPUS, c_v=False)
    assert found.incomparable == {"perplexity_per_word", "perplexity_per_document", "elbo"}
    assert found.perplexity_per_word == whai.perplexity(CORPUS, "per_word")
    assert found.as_dict(comparable=True)["perplexity_per_word"] is None
    assert found.notes["elbo"].startswith("WHAI's bound is that of Poisson counts")
    found = evaluate(nvdm, CORPUS, c_v=False)
    assert found.incomparable == {"leading_topics", "effective_topics"}
    assert found.as_dict()["effective_topics"] >= 1
    assert found.as_dict(comparable=True)["effective_topics"] is None
    assert found.notes["leading_topics"] == "NVDM's θ is any reals, not shares of topics"


def test_a_model_without_a_posterior_lacks_figures_and_says_so() -> None:
    found = evaluate(Shares(), CORPUS, c_v=False)
    assert found.perplexity is not None
    assert found.perplexity > 1
    for name in ("perplexity_per_word", "elbo"):
        assert (getattr(found, name), found.notes[name]) == (None, "Shares has no ELBO")
    for name in ("leading_topics", "effective_topics", "duplicates"):
        why = "Shares has no posterior to look at"
        assert (getattr(found, name), found.notes[name]) == (None, why)
    assert found.collapse is None
    with pytest.raises(TypeError, match="expected a fitted estimator"):
        evaluate(object(), CORPUS)


def test_figures_of_words_alone() -> None:
    found = evaluate_topics([["w0"], ["w1"]], Corpus.from_scipy(np.eye(2), ["w0", "w1"]))
    assert (found.n_coherent, found.n_diverse) == (1, 1)
    assert found.npmi is None
    assert found.notes == {"npmi": "needs two words", "c_v": "needs two words"}
    assert found.diversity == 1
    assert found.perplexity is None
    assert "NPMI" not in str(found)
