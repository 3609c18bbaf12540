"""Collapse on purpose, and its cures; stop words, and the background that absorbs them."""

from typing import Any

import numpy as np
import pytest

from ntm_fast import Corpus, NeuralTopicModel, metrics
from ntm_fast.data import select_words
from ntm_fast.metrics import CollapseReport
from tests.helpers.blocks import block_corpus

CORPUS = block_corpus(n_topics=8, block=8, n_documents=400, length=25)
BARE = {
    "encoder_batch_norm": False, "kl_schedule": "constant", "encoder_dropout": 0.0,
    "diversity": 0.0,
}  # fmt: skip
CURED = {**BARE, "encoder_batch_norm": True, "kl_schedule": "linear", "warm_up": 10}


def fit(corpus: Corpus, posterior: str, decoder: str, rate: float, **options: Any) -> Any:
    settings: dict[str, Any] = {"epochs": 25, "batch_size": 50, "validation_fraction": 0.0}
    model = NeuralTopicModel(
        8, posterior=posterior, decoder=decoder, learning_rate=rate, random_state=0,
        **settings, **options,
    )  # fmt: skip
    return model.fit(corpus)


def report(posterior: str, rate: float, **options: Any) -> CollapseReport:
    usual = {"prior": 0.1} if posterior == "dirichlet" else {"background": False}
    options = {**usual, **options, "refinement": 0}  # the encoder is looked at
    model = fit(CORPUS, posterior, "mixture", rate, **options)
    return metrics.collapse(model, CORPUS, n=8)


def test_component_collapse_and_its_cure() -> None:
    """Without batch norm and warm-up, at a high rate, topics die or become twins of others."""
    bare, cured = (report("dirichlet", 0.02, **options) for options in (BARE, CURED))
    assert (bare.verdict, cured.verdict) == ("component collapse", "none")
    assert len(bare.never_dominant) >= 3
    assert bare.effective_topics < 5
    assert bare.duplicates
    assert "lead none of the 400 documents" in str(bare)
    assert len(cured.never_dominant) <= 1
    assert cured.effective_topics > 7
    assert len(cured.duplicates) < len(bare.duplicates)


@pytest.mark.parametrize(
    ("posterior", "rate", "options"),
    [
        ("logistic-normal", 0.01, {"kl_weight": 3.0}),  # the KL term wins before topics exist
        ("dirichlet", 0.02, {"prior": 0.01}),
    ],
)
def test_posterior_collapse_and_its_cure(
    posterior: str, rate: float, options: dict[str, Any]
) -> None:
    bare, cured = (report(posterior, rate, **o, **options) for o in (BARE, CURED))
    assert (bare.verdict, cured.verdict) == ("extreme component collapse", "none")
    assert bare.information < 0.2
    assert cured.information > 1
    assert len(cured.never_dominant) < len(bare.never_dominant)


def test_free_bits_keep_the_encoder_talking() -> None:
    silent, free = (
        report("logistic-normal", 0.01, **BARE, kl_weight=3.0, free_bits=bits)
        for bits in (0.0, 3.0)
    )
    assert silent.information < 0.05
    assert free.information > 0.4


def with_stop_words() -> Corpus:
    """The corpus with six words that every document holds, each a few times."""
    random = np.random.default_rng(0)
    stops = random.poisson(6 * random.random(6) + 3, (len(CORPUS), 6))
    counts = np.concatenate([CORPUS.to_scipy().toarray(), stops], 1).astype(np.float32)
    return Corpus.from_scipy(counts, [*CORPUS.vocabulary, *(f"stop{i}" for i in range(6))])


def share_of_stop_words(model: Any) -> float:
    return float((metrics.top_words(model.components_, 8) >= 64).mean())


@pytest.mark.parametrize("posterior", ["logistic-normal", "dirichlet"])
def test_a_background_absorbs_stop_words(posterior: str) -> None:
    corpus = with_stop_words()
    plain, background = (
        fit(corpus, posterior, "mixture", 0.02, background=wanted) for wanted in (False, True)
    )
    assert share_of_stop_words(plain) > 0.4
    assert share_of_stop_words(background) == 0
    assert background.perplexity(corpus) < 1.1 * plain.perplexity(corpus)


def test_document_frequency_removes_stop_words() -> None:
    corpus = with_stop_words()
    assert select_words(corpus, max_df=0.9) == select_words(
        corpus, stop_words=corpus.vocabulary[64:]
    )
    assert (
        share_of_stop_words(fit(select_words(corpus, max_df=0.9), "dirichlet", "mixture", 0.02))
        == 0
    )
