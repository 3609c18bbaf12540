"""Posteriors beyond their common contract (test_parts): kinds, priors, gradients, bounds."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Beta, kl_divergence

from ntm_fast import ops, reference
from ntm_fast.models import ModelSettings, TopicModel
from ntm_fast.models.posteriors import POSTERIORS, Gaussian, GaussianSoftmax, Posterior, Weibull
from ntm_fast.models.posteriors.posterior import Draw
from ntm_fast.models.score import ScoreTerm

SEED = torch.tensor(3)
DIRICHLETS = [name for name in POSTERIORS if "dirichlet" in name or name == "score-function"]


def make(name: str, n_topics: int = 4, **changes: object) -> Posterior:
    torch.manual_seed(0)
    settings = ModelSettings(n_topics=n_topics, encoder_batch_norm=False, **changes)  # type: ignore
    return POSTERIORS[name](6, settings, ops)


def gradients(posterior: Posterior, base: Tensor, n: int) -> Tensor:
    """n estimates [n, K] of ∂E[log θ·w]/∂α, the baseline being the mean of all draws."""
    alpha = base.expand(n, len(base)).clone().requires_grad_()
    theta, log_weight = posterior.draw((alpha,), SEED)
    f = (theta @ torch.linspace(0.05, 1, len(base)).to(base)).log()
    if log_weight is not None:
        f = f + (f - f.mean()).detach() * log_weight
    return torch.autograd.grad(f.sum(), alpha)[0] if f.requires_grad else torch.zeros(n, len(base))


@pytest.mark.parametrize("name", DIRICHLETS)
def test_gradients_of_dirichlet_schemes_have_one_mean(name: str) -> None:
    base = torch.tensor([0.4, 1.0, 2.5, 0.7], dtype=torch.float64)
    truth = gradients(make("dirichlet-rao-blackwell"), base, 400_000)
    found = gradients(make(name, rsvi_boost=3, rsvi_correction=True), base, 200_000)
    error = (found.var(0) / len(found) + truth.var(0) / len(truth)).sum().sqrt()
    distance = (found.mean(0) - truth.mean(0)).norm()
    if name == "dirichlet-inverse-cdf":  # the biased one
        assert distance > 10 * error
    else:
        assert distance < 4 * error


def test_the_correction_corrects() -> None:
    base = torch.tensor([0.4, 1.0, 2.5, 0.7], dtype=torch.float64)
    truth = gradients(make("dirichlet-rao-blackwell"), base, 400_000).mean(0)
    schemes = (make("dirichlet-rsvi", rsvi_boost=1, rsvi_correction=c) for c in (False, True))
    bias, corrected = (gradients(q, base, 400_000).mean(0) - truth for q in schemes)
    assert bias.norm() > 3 * corrected.norm()


def test_score_term_takes_a_baseline_that_knows_nothing_of_the_draw() -> None:
    term = ScoreTerm()
    lengths = torch.tensor([2.0, 3.0])
    weights = torch.zeros(2, 2, requires_grad=True)
    f = torch.tensor([[-4.0, -9.0], [-6.0, -3.0]])
    value = term(f, weights, lengths)
    assert value == 0
    (slope,) = torch.autograd.grad(value, weights)
    torch.testing.assert_close(slope, torch.tensor([[2.0, -6.0], [-2.0, 6.0]]) / 4)
    assert term.per_word == pytest.approx(-11 / 5)  # (−5 − 6) / (2 + 3)
    (slope,) = torch.autograd.grad(term(f[:1], weights[:1], lengths), weights)
    expected = torch.tensor([-4 + 2 * 11 / 5, -9 + 3 * 11 / 5]) / 2
    torch.testing.assert_close(slope[0], expected)


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_learned_priors_have_gradients(name: str) -> None:
    fixed, learned = make(name), make(name, learned_prior=True)
    assert not fixed.prior_parameters()
    assert learned.prior_parameters()
    hidden = torch.randn(7, 6)
    torch.testing.assert_close(fixed.kl(fixed(hidden)), learned.kl(learned(hidden)))
    learned.kl(learned(hidden)).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in learned.prior_parameters())


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_kl_per_topic(name: str) -> None:
    posterior = make(name)
    q = posterior(torch.randn(7, 6))
    each, whole = posterior.kl_per_topic(q), posterior.kl(q)
    assert each.shape == (7, 4)
    if posterior.names != ("alpha",):  # topics are independent
        torch.testing.assert_close(each.sum(1), whole)
        return
    assert (each <= whole[:, None]).all()  # a marginal says less than the whole
    alpha, prior = q[0].double(), posterior.log_prior.exp().double()
    total = alpha.sum(1, keepdim=True)
    expected = kl_divergence(Beta(alpha, total - alpha), Beta(prior, prior.sum() - prior))
    torch.testing.assert_close(each.double(), expected, rtol=1e-4, atol=1e-5)


def test_gaussian_kinds() -> None:
    softmax, plain = make("gaussian-softmax"), make("gaussian")
    assert isinstance(softmax, GaussianSoftmax)
    assert isinstance(plain, Gaussian)
    q = (torch.zeros(20_000, 4), torch.zeros(20_000, 4))  # the prior itself
    assert not softmax.kl(q).any()
    z = plain.sample(q, SEED)
    assert abs(z.mean()) < 0.02
    assert z.std() == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(plain.mean(q), q[0])


@pytest.mark.parametrize("name", ["logistic-normal", "gaussian-softmax", "gaussian"])
def test_variances_keep_their_bounds(name: str) -> None:
    hidden = torch.randn(50, 6) * 100
    mean, log_variance = make(name, variance_floor=0.01, variance_ceiling=4.0)(hidden)
    free_mean, free = make(name)(hidden)
    assert mean.equal(free_mean)
    torch.testing.assert_close(log_variance, free.clamp(math.log(0.01), math.log(4.0)))
    with pytest.raises(
        ValueError, match=r"variance_ceiling is 1.0; expected > variance_floor, 2.0"
    ):
        make(name, variance_floor=2.0, variance_ceiling=1.0)
    with pytest.raises(ValueError, match=r"variance_floor is 0; expected > 0"):
        make(name, variance_floor=0)


def test_weibull_gives_proportions_or_intensities() -> None:
    weibull = make("weibull", shape_floor=0.3, concentration_floor=0.01, concentration_ceiling=5.0)
    assert isinstance(weibull, Weibull)
    shape, scale = q = weibull(torch.randn(50, 6) * 100)
    mean = scale * (1 + 1 / shape).lgamma().exp()
    assert shape.min() >= 0.3
    assert shape.max() <= 5
    assert mean.min() * 1.0001 >= 0.01
    assert mean.max() <= 5.0001
    torch.testing.assert_close(weibull.mean(q).sum(1), torch.ones(50))
    weibull.kind = "intensities"
    torch.testing.assert_close(weibull.mean(q), mean)
    one = tuple(p[:1].expand(100_000, 4) for p in (torch.full((1, 4), 2.0), torch.ones(1, 4)))
    draws = weibull.sample(one, SEED)
    assert draws.mean() == pytest.approx(math.gamma(1.5), abs=0.005)


def test_draws_without_gradients_have_no_weight() -> None:
    posterior = make("dirichlet-rsvi", rsvi_correction=True)
    q = posterior(torch.randn(3, 6))
    assert isinstance(posterior.draw(q, SEED), Draw)
    assert posterior.draw(q, SEED).log_weight is not None
    with torch.no_grad():
        assert posterior.draw(q, SEED).log_weight is None


@pytest.mark.parametrize(
    ("posterior", "decoder"),
    [("gaussian", "mixture"), ("dirichlet", "poisson"), ("gaussian", "poisson")],
)
def test_parts_that_do_not_fit_are_named(posterior: str, decoder: str) -> None:
    settings = ModelSettings(n_topics=3, posterior=posterior, decoder=decoder)
    with pytest.raises(ValueError, match=f"decoder is '{decoder}', which takes .* '{posterior}'"):
        TopicModel(10, settings, ops=reference)
