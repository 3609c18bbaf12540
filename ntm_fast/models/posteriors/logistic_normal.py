"""Logistic-normal posterior with the Laplace approximation of a Dirichlet as prior."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ntm_fast.models.backend import Ops
from ntm_fast.models.batch_norm import dense, maybe_batch_norm
from ntm_fast.models.posteriors.posterior import Parameters, Posterior, register
from ntm_fast.settings import ModelSettings


@register("logistic-normal")
class LogisticNormal(Posterior):
    """θ = softmax(μ + σε), ε ~ N(0, I).

    The prior is the Laplace approximation, in softmax coordinates, of Dir(a, …, a): mean 0 and
    variance (1/a)(1 − 2/K) + 1/(a K) in each coordinate. For K = 1, where θ = 1 always, that
    variance is 0, and 1/a is used instead. σ² is kept within the settings' bounds, if any.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """

    uses: tuple[str, ...] = ("prior", "variance_floor", "variance_ceiling")
    names = ("mean", "log_variance")
    prior_mean: Tensor
    prior_log_variance: Tensor

    def __init__(self, n_hidden: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_hidden, settings, ops)
        n_topics, a = settings.n_topics, settings.prior
        # Both heads are one product and one batch norm, whose columns are independent.
        self.heads = nn.Linear(n_hidden, 2 * n_topics)
        self.norm = maybe_batch_norm(
            2 * n_topics,
            settings.encoder_batch_norm,
            momentum=settings.batch_norm_momentum,
            eps=settings.batch_norm_eps,
        )
        bounds = settings.variance_floor, settings.variance_ceiling
        self.bounds = tuple(None if bound is None else math.log(bound) for bound in bounds)
        variance = (1 - 2 / n_topics) / a + 1 / (a * n_topics) if n_topics > 1 else 1 / a
        self.register_prior("prior_mean", torch.zeros(n_topics))
        self.register_prior("prior_log_variance", torch.full((n_topics,), math.log(variance)))

    def forward(self, hidden: Tensor) -> Parameters:
        mean, log_variance = dense(self.ops, hidden, self.heads, self.norm).chunk(2, dim=1)
        if self.bounds != (None, None):
            log_variance = log_variance.clamp(*self.bounds)
        return mean, log_variance

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        mean, log_variance = parameters
        return self.ops.logistic_normal_rsample(mean, log_variance, seed)

    def kl(self, parameters: Parameters) -> Tensor:
        mean, log_variance = parameters
        return self.ops.kl_normal(mean, log_variance, self.prior_mean, self.prior_log_variance)

    def kl_per_topic(self, parameters: Parameters) -> Tensor:
        """KL of the normal distributions before the softmax, which are independent."""
        prior = self.prior_mean, self.prior_log_variance
        return self.ops.kl_normal(*(p.unsqueeze(-1) for p in (*parameters, *prior)))

    def mean(self, parameters: Parameters) -> Tensor:
        """softmax(μ): the centre of q, not quite E[θ], which has no closed form."""
        return torch.softmax(parameters[0], dim=1)
