import numpy as np
import pytest
import torch

from ntm_fast import reference
from ntm_fast.models import ModelSettings
from ntm_fast.models.batch_norm import BatchNorm, RunningMoments
from ntm_fast.models.decoders import Mixture, Product
from ntm_fast.models.posteriors import POSTERIORS, Dirichlet, LogisticNormal
from ntm_fast.models.randomness import Masks, dropout

SEED = torch.tensor(3)


def test_running_moments_are_right_from_the_first_step() -> None:
    running = RunningMoments(4, momentum=1e-3)
    x = torch.randn(50, 4) + 3
    running.update(x.mean(0), x.var(0, correction=0), 50)
    mean, variance = running.corrected()
    torch.testing.assert_close(mean, x.mean(0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(variance, x.var(0), rtol=1e-3, atol=1e-4)


def test_running_moments_before_the_first_step() -> None:
    mean, variance = RunningMoments(2, momentum=1.0).corrected()
    assert mean.tolist() == [0, 0]
    assert variance.tolist() == [1, 1]


def test_batch_norm_is_torchs_with_a_frozen_scale() -> None:
    ours, theirs = BatchNorm(3, momentum=0.1, eps=1e-3), torch.nn.BatchNorm1d(3, eps=1e-3)
    x = torch.randn(20, 3)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running.corrected()[0], x.mean(0))
    ours.eval()
    expected = (x - x.mean(0)) * torch.rsqrt(x.var(0) + 1e-3)
    torch.testing.assert_close(ours(x), expected)
    ours.train()
    before = ours.running.mean.clone()
    torch.testing.assert_close(ours(x[:1]), expected[:1])  # a batch of one: running statistics
    assert ours.running.mean.equal(before)


@pytest.mark.parametrize("n_topics", [1, 2, 7])
def test_laplace_prior(n_topics: int) -> None:
    a = 0.3
    posterior = LogisticNormal(4, ModelSettings(n_topics=n_topics, prior=a), reference)
    if n_topics > 1:
        # Hennig et al. 2012: variance of each softmax coordinate at the mode.
        k = n_topics
        expected = 1 / a * (1 - 2 / k) + k / (a * k**2)
        torch.testing.assert_close(posterior.prior_log_variance[0].exp().item(), expected)
    assert posterior.prior_log_variance.isfinite().all()


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_posteriors(name: str) -> None:
    settings = ModelSettings(n_topics=5, prior=0.5, encoder_batch_norm=False)
    posterior = POSTERIORS[name](6, settings, reference)
    q = posterior(torch.randn(1, 6).expand(4000, 6))
    assert len(q) == len(posterior.names)
    theta = posterior.sample(q, SEED)
    torch.testing.assert_close(posterior.proportions(theta).sum(1), torch.ones(4000))
    assert (posterior.kl(q) >= 0).all()
    assert posterior.sample(q, SEED).equal(theta)
    if name.startswith("dirichlet") and name != "dirichlet-inverse-cdf":  # others are near it
        error = theta.std(0) / np.sqrt(4000)
        assert ((theta.mean(0) - posterior.mean(q)[0]).abs() < 5 * error).all()


def test_concentrations_keep_their_bounds() -> None:
    settings = ModelSettings(
        n_topics=3, concentration_floor=0.01, concentration_ceiling=2.0, encoder_batch_norm=False
    )
    posterior = Dirichlet(2, settings, reference)
    alpha = posterior(torch.tensor([[1e3, -1e3], [-1e3, 1e3]]))[0]
    assert alpha.min() >= 0.01
    assert alpha.max() <= 2.0


def test_dropout_keeps_the_mean_and_needs_masks() -> None:
    x = torch.ones(1000, 10)
    dropped = dropout(x, 0.25, Masks(SEED, reference))
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 1 / 0.75]))
    assert abs(dropped.mean() - 1) < 0.03
    assert dropout(x, 0.25, None) is x


def test_a_mixture_of_the_topics_kept_sums_to_one() -> None:
    decoder = Mixture(6, ModelSettings(n_topics=2, decoder="mixture"), reference)
    theta = torch.softmax(torch.randn(500, 2), 1)
    kept = decoder.drop_topics(theta, 0.6, Masks(SEED, reference))
    torch.testing.assert_close(kept.sum(1), torch.ones(500))  # also where all were dropped
    assert (kept == 0).any()


def test_product_ranks_words_without_the_background() -> None:
    decoder = Product(4, ModelSettings(n_topics=2, batch_norm_momentum=1.0), reference)
    with torch.no_grad():
        decoder.weight.copy_(torch.tensor([[9.0, 8.0], [0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]))
        decoder.shift.copy_(torch.tensor([5.0, 0, 0, 0]))
    # Words 0 and 3 are common to both topics; word 0 is topic 0's by a little.
    ranks = decoder.topic_weights().argsort(1, descending=True).tolist()
    assert ranks[0][0] in (0, 2)
    assert ranks[1][0] == 1
    torch.testing.assert_close(
        decoder.topic_weights(),
        torch.softmax((decoder.weight - decoder.weight.mean(1, keepdim=True)).T / 1.001**0.5, 1),
        rtol=1e-4,
        atol=1e-5,
    )
