"""Refined topic proportions: against the update in a loop, and what they are good for."""

import numpy as np
import pytest
import torch

from ntm_fast import LDAVAE
from ntm_fast.data import CorpusTensors
from ntm_fast.models import ModelSettings, TopicModel
from ntm_fast.models.refinement import refine
from tests.blocks import block_corpus

CORPUS = block_corpus(n_documents=12)
BATCH = CorpusTensors(CORPUS).batch(torch.arange(12))
X = torch.from_numpy(CORPUS.to_scipy().toarray()).double()


def test_is_the_update_of_each_document() -> None:
    torch.manual_seed(0)
    topics = torch.randn(40, 3, dtype=torch.float64).softmax(0)
    theta = torch.rand(12, 3, dtype=torch.float64).softmax(1)
    prior = torch.tensor([0.1, 0.2, 0.3])
    found = refine(theta, topics, prior, BATCH, 4)
    for document in range(12):
        gamma = prior + X[document].sum() * theta[document]
        for _ in range(4):
            weights = torch.exp(torch.digamma(gamma))
            shares = topics * weights / (topics @ weights)[:, None]
            gamma = prior + X[document] @ shares
        torch.testing.assert_close(found[document], gamma / gamma.sum())


def test_a_document_without_words_has_the_priors_mean() -> None:
    empty = BATCH._replace(
        indptr=torch.zeros(3, dtype=torch.int64),
        indices=BATCH.indices[:0],
        counts=BATCH.counts[:0],
    )
    prior = torch.tensor([0.1, 0.3])
    found = refine(torch.full((2, 2), 0.5).double(), torch.rand(40, 2).softmax(0), prior, empty, 3)
    torch.testing.assert_close(found, torch.tensor([[0.25, 0.75]] * 2).double())


def test_perplexity_gains_by_it() -> None:
    corpus = block_corpus()
    settings = {"epochs": 3, "batch_size": 50, "validation": 0.0, "random_state": 0}
    plain, refined = (
        LDAVAE(4, options={"refinement": steps}, **settings).fit(corpus) for steps in (0, 20)
    )
    np.testing.assert_array_equal(plain.components_, refined.components_)
    assert refined.perplexity(corpus) < plain.perplexity(corpus)
    assert refined.score(corpus) == plain.score(corpus)  # the ELBO is the encoder's
    np.testing.assert_allclose(refined.transform(corpus).sum(1), 1)


@pytest.mark.parametrize("decoder", ["product", "embedded-product", "poisson"])
def test_only_mixtures_are_refined(decoder: str) -> None:
    posterior = "weibull" if decoder == "poisson" else "logistic-normal"
    settings = ModelSettings(posterior=posterior, decoder=decoder, refinement=5)
    with pytest.raises(ValueError, match=f"refinement is 5; expected 0 for decoder '{decoder}'"):
        TopicModel(40, settings)
