"""Decoders beyond the plain mixture and product (test_parts): against dense formulas."""

import pytest
import torch
from torch import Tensor

from ntm_fast import ops
from ntm_fast.bags import Bags
from ntm_fast.data import CorpusTensors
from ntm_fast.models import ModelSettings
from ntm_fast.models.decoders import DECODERS, Decoder, EmbeddedMixture, Mixture, Poisson, Product
from tests.helpers.blocks import block_corpus

CORPUS = block_corpus(n_documents=12)
BATCH: Bags = CorpusTensors(CORPUS).batch(torch.arange(12))
X = torch.from_numpy(CORPUS.to_scipy().toarray())


def make(name: str, **changes: object) -> Decoder:
    torch.manual_seed(0)
    settings = ModelSettings(n_topics=3, decoder=name, embedding_size=5, **changes)  # type: ignore
    decoder = DECODERS[name](40, settings, ops)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.normal_()
    return decoder


def theta(rows: int = 12) -> Tensor:
    return torch.softmax(torch.randn(rows, 3), 1)


@pytest.mark.parametrize("background", [None, True, False])
@pytest.mark.parametrize("name", ["mixture", "product", "embedded-mixture", "embedded-product"])
def test_likelihood_is_that_of_the_word_probabilities(name: str, background: bool | None) -> None:
    decoder = make(name, background=background, topic_batch_norm=True).eval()
    shares = theta()
    expected = (X * decoder.word_probabilities(shares).log()).sum(1)
    torch.testing.assert_close(decoder(shares, BATCH), expected, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(decoder.words_log_likelihood(shares, BATCH), decoder(shares, BATCH))


def test_poisson_is_torchs() -> None:
    decoder = make("poisson")
    assert isinstance(decoder, Poisson)
    intensities = theta() * 30
    rate = intensities @ torch.softmax(decoder.topic_logits.T, 1)
    expected = torch.distributions.Poisson(rate).log_prob(X).sum(1)
    torch.testing.assert_close(decoder(intensities, BATCH), expected, rtol=1e-5, atol=1e-3)
    words = (X * (rate / rate.sum(1, keepdim=True)).log()).sum(1)
    found = decoder.words_log_likelihood(intensities, BATCH)
    torch.testing.assert_close(found, words, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", ["embedded-mixture", "embedded-product"])
def test_topics_are_points_among_the_words(name: str) -> None:
    decoder = make(name, decoder_batch_norm=False)
    embeddings = decoder.embeddings
    logits = embeddings.words @ embeddings.topics.T
    plain = make(name.removeprefix("embedded-"), decoder_batch_norm=False)
    with torch.no_grad():
        (plain.weight if isinstance(plain, Product) else plain.topic_logits).copy_(logits)
        if decoder.shift is not None:
            plain.shift.copy_(decoder.shift)
    shares = theta()
    torch.testing.assert_close(decoder(shares, BATCH), plain(shares, BATCH))
    torch.testing.assert_close(decoder.topic_weights(), plain.topic_weights())


def test_given_embeddings_stay() -> None:
    decoder = make("embedded-mixture", learned_embeddings=False)
    assert isinstance(decoder, EmbeddedMixture)
    given = torch.randn(40, 5)
    decoder.embeddings.give(given)
    decoder(theta(), BATCH).sum().backward()
    assert decoder.embeddings.words.equal(given)
    assert decoder.embeddings.words.grad is None
    assert decoder.embeddings.topics.grad is not None
    with pytest.raises(ValueError, match=r"embeddings has shape \(40, 6\); expected \(40, 5\)"):
        decoder.embeddings.give(torch.zeros(40, 6))
    with pytest.raises(ValueError, match="not a finite number"):
        decoder.embeddings.give(given / 0)


def test_batch_norm_of_the_topics() -> None:
    decoder = make("mixture", topic_batch_norm=True, batch_norm_eps=1e-9)
    assert isinstance(decoder, Mixture)
    own = decoder.topic_matrix() - decoder.shift[:, None]
    torch.testing.assert_close(own.mean(1), torch.zeros(40), rtol=0, atol=1e-5)
    torch.testing.assert_close(own.var(1, correction=0), torch.ones(40), rtol=1e-4, atol=1e-4)


def test_topics_are_ranked_without_the_background() -> None:
    decoder = make("mixture", background=True)
    with torch.no_grad():
        decoder.shift[7] = 30.0
        decoder.topic_logits[7] = 0.0
    assert decoder.word_probabilities(theta())[:, 7].min() > 0.9
    assert decoder.topic_weights()[:, 7].max() < 0.2


def test_topics_with_their_background_are_what_documents_mix() -> None:
    mixture = make("mixture", background=True).eval()
    corners = torch.eye(3)
    topics = mixture.topics_with_background()
    torch.testing.assert_close(topics, mixture.word_probabilities(corners))
    assert not torch.allclose(topics, mixture.topic_weights())


def test_a_products_background_is_its_shift() -> None:
    plain = make("product", background=False).eval()
    torch.testing.assert_close(plain.topics_with_background(), plain.topic_weights())
    product = make("product").eval()
    ratio = product.topics_with_background() / product.topic_weights()
    expected = product.shift.exp().expand_as(ratio)
    torch.testing.assert_close(ratio / ratio[:, :1], expected / expected[:, :1])


@pytest.mark.parametrize("name", ["mixture", "product", "embedded-mixture", "embedded-product"])
def test_a_background_begins_at_the_words_frequencies(name: str) -> None:
    frequencies = torch.arange(1.0, 41)
    decoder = make(name, background=True, decoder_batch_norm=False)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.zero_()
    decoder.init_background(frequencies)
    words = decoder.word_probabilities(theta())
    torch.testing.assert_close(words, (frequencies / frequencies.sum()).expand(12, 40))
    make(name, background=False).init_background(frequencies)  # nothing to do
