"""Refined topic proportions of models: their effect, and the memory of evaluation."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ntm_fast import LDAVAE, reference
from ntm_fast.data import Corpus, Subset
from ntm_fast.models import ModelSettings, TopicModel, topic_model
from ntm_fast.training import RECIPES
from tests.helpers.blocks import block_corpus
from tests.helpers.memory import peak_growth


def refined(name: str, corpus: Corpus, **changes: object) -> TopicModel:
    """A model at random weights whose topics differ."""
    torch.manual_seed(0)
    settings = RECIPES[name].changed(n_topics=5, hidden=(8,), **changes).model
    model = TopicModel(corpus.n_words, settings)
    with torch.no_grad():
        model.decoder.topic_logits.mul_(5)
    return model


@pytest.mark.parametrize("name", ["LDAVAE", "NVLDA"])
@pytest.mark.parametrize("decoder", ["mixture", "embedded-mixture"])
def test_is_the_update_with_the_models_topics(name: str, decoder: str) -> None:
    corpus = block_corpus(n_documents=30)
    torch.manual_seed(0)
    changes = {"n_topics": 5, "hidden": (8,), "decoder": decoder, "refinement": 7}
    model = TopicModel(corpus.n_words, RECIPES[name].changed(**changes).model)
    found = model.topic_codes(corpus)
    model.settings = RECIPES[name].changed(**{**changes, "refinement": 0}).model
    start = model.topic_codes(corpus)
    topics = model.topics_with_background().T.double()
    arrays = corpus.indptr, corpus.indices, corpus.counts
    csr = [torch.from_numpy(array.copy()) for array in arrays]
    prior = model.posterior.prior_concentration()
    expected = reference.bow_mixture_proportions(start, topics, prior, *csr, 7)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)  # β is held in float32
    assert not torch.allclose(found, start, atol=0.01)


def test_perplexity_gains_by_it() -> None:
    corpus = block_corpus()
    settings = {"epochs": 3, "batch_size": 50, "validation_fraction": 0.0, "random_state": 0}
    plain, better = (LDAVAE(4, refinement=steps, **settings).fit(corpus) for steps in (0, 20))
    np.testing.assert_array_equal(plain.components_, better.components_)
    assert better.perplexity(corpus) < plain.perplexity(corpus)
    assert better.score(corpus) == plain.score(corpus)  # the ELBO is the encoder's
    np.testing.assert_allclose(better.transform(corpus).sum(1), 1)


@pytest.mark.parametrize("decoder", ["product", "embedded-product", "poisson"])
def test_only_mixtures_are_refined(decoder: str) -> None:
    posterior = "weibull" if decoder == "poisson" else "logistic-normal"
    settings = ModelSettings(posterior=posterior, decoder=decoder, refinement=5)
    with pytest.raises(ValueError, match=f"refinement is 5; expected 0 for decoder '{decoder}'"):
        TopicModel(40, settings)


def values(model: TopicModel, corpus: Corpus | Subset) -> list[Tensor]:
    theta = model.topic_codes(corpus)
    return [theta, model.log_likelihood(theta, corpus), model.kl_per_topic(corpus)]


@pytest.mark.parametrize("documents", [1, 7, 1024])
@pytest.mark.parametrize("nonzeros", [1, 25, 1 << 18])
def test_batches_do_not_change_a_value(
    documents: int, nonzeros: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However documents are batched, and from views of a corpus as from subsets."""
    corpus = block_corpus(n_documents=40)[[*range(20), 0, 0, *range(20, 40)]]
    counts = corpus.to_scipy().toarray()
    counts[5] = counts[11] = 0  # without words
    corpus = Corpus.from_scipy(counts)
    model = refined("LDAVAE", corpus)
    expected = values(model, corpus)
    monkeypatch.setattr(topic_model, "EVALUATION_BATCH", documents)
    monkeypatch.setattr(topic_model, "EVALUATION_NONZEROS", nonzeros)
    batches = list(topic_model.in_chunks(corpus, torch.device("cpu"), model.decoder.ops))
    for batch, rows in batches:
        assert batch.n_documents == rows.stop - rows.start <= documents
        assert len(batch.indices) <= nonzeros or batch.n_documents == 1
        assert batch.indptr[0] == 0
    assert [row for _, rows in batches for row in range(rows.start, rows.stop)] == [*range(42)]
    order = np.arange(42)[::-1].copy()
    for found, truth in zip(values(model, corpus), expected, strict=True):
        torch.testing.assert_close(found, truth, rtol=1e-5, atol=1e-5)
    for found, truth in zip(values(model, Subset(corpus, order)), expected, strict=True):
        torch.testing.assert_close(found.flip(0), truth, rtol=1e-5, atol=1e-5)
    assert torch.equal(model.topic_codes(corpus), expected[0])  # in float64 to the last bit


SETUP = """
import numpy as np, torch
from ntm_fast.data import Corpus
from ntm_fast.metrics import perplexity
from ntm_fast.models import TopicModel
from ntm_fast.training import RECIPES

def corpus(documents, length, words):
    random = np.random.default_rng(0)
    rows = [np.sort(random.choice(words, length, replace=False)) for _ in range(documents)]
    counts = np.full(documents * length, 2, np.float32)
    indptr = np.arange(documents + 1) * length
    vocabulary = tuple(map(str, range(words)))
    return Corpus(indptr, np.concatenate(rows).astype(np.int32), counts, vocabulary)

def model(words):
    recipe = RECIPES["LDAVAE"].changed(n_topics=100)
    made = TopicModel(words, recipe.model).eval()
    made.topic_codes(corpus(2, 10, words))
    perplexity(made, corpus(4, 50, words))
    return made
"""


def test_memory_is_bounded() -> None:
    """Documents x words x topics doubles would be 160 MB each; the result is 32 kB.

    A batch is of at most 2^18 nonzeros: 10 MiB.
    """
    setup = SETUP + "\nlong = corpus(40, 5000, 8000)\nmade = model(8000)"
    assert peak_growth(setup, "made.topic_codes(long)") < 16e6
    # The split into halves takes a multiple of the corpus, which has 1.6 MB.
    assert peak_growth(setup, "perplexity(made, long)") < 32e6


def test_memory_of_one_very_long_document() -> None:
    """Its words x topics would be 400 MB of doubles."""
    setup = SETUP + "\nlong = corpus(1, 500_000, 500_000)\nmade = model(500_000)"
    assert peak_growth(setup, "made.topic_codes(long)") < 40 * 500_000 + 4e6
