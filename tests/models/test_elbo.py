"""The ELBO of two topics against integrals by quadrature: its mean, and the evidence above it."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch.distributions import Dirichlet, Normal, kl_divergence

from ntm_fast.data import Corpus
from ntm_fast.models import ModelSettings, TopicModel
from ntm_fast.models.posteriors import POSTERIORS

COUNTS = np.array([[3, 1, 0, 4]])
QUANTILES = (np.arange(20_000) + 0.5) / 20_000
COPIES = 8192  # of the document, each with a draw of its own
NAMES = [name for name in POSTERIORS if name not in ("gaussian", "weibull")]


@pytest.mark.parametrize("name", NAMES)
def test_mean_and_bound(name: str) -> None:
    torch.manual_seed(1)
    settings = ModelSettings(
        n_topics=2, posterior=name, decoder="mixture", prior=0.8, encoder_batch_norm=False
    )
    model = TopicModel(4, settings)
    with torch.no_grad():
        model.decoder.topic_logits.normal_(0, 1.5)
    copies = Corpus.from_scipy(COUNTS.repeat(COPIES, 0))
    q = {key: value[0].double() for key, value in model.posterior_parameters(copies).items()}
    if "alpha" in q:
        prior = torch.full((2,), 0.8, dtype=torch.float64)
        kl = kl_divergence(Dirichlet(q["alpha"]), Dirichlet(prior))
        theta, theta_prior = (scipy.stats.beta(*a).ppf(QUANTILES) for a in (q["alpha"], prior))
    else:  # the difference of two normal coordinates decides
        laplace = 1 / (0.8 * 2) if name == "logistic-normal" else 1.0  # 1 − 2/K is 0
        deviation = (q["log_variance"] / 2).exp()
        zero = torch.zeros(2, dtype=torch.float64)
        kl = kl_divergence(Normal(q["mean"], deviation), Normal(zero, laplace**0.5)).sum()
        theta, theta_prior = (
            scipy.special.expit(scipy.stats.norm(mean, scale).ppf(QUANTILES))
            for mean, scale in (
                (float(q["mean"][0] - q["mean"][1]), float(deviation.norm())),
                (0.0, (2 * laplace) ** 0.5),
            )
        )
    beta = model.topic_weights().double().numpy()

    def log_likelihood(share: np.ndarray) -> np.ndarray:
        values: np.ndarray = np.log(np.outer(share, beta[0]) + np.outer(1 - share, beta[1]))
        return values @ COUNTS[0]

    expected = log_likelihood(theta).mean() - float(kl)
    evidence = np.log(np.exp(log_likelihood(theta_prior)).mean())
    elbo = model.elbo(copies).double().numpy()
    error = elbo.std() / np.sqrt(COPIES)
    assert abs(elbo.mean() - expected) < 4.5 * error
    assert expected < evidence
