"""Every scheme as an estimator of ∂E[f(θ)]/∂α, θ ~ Dirichlet(α) or what stands for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ntm_fast.models import ModelSettings
from ntm_fast.models.backend import Ops
from ntm_fast.models.posteriors import POSTERIORS, Draw

Objective = Callable[[Tensor], Tensor]
EULER = 0.5772156649015329


def as_given(alpha: Tensor) -> tuple[Tensor, ...]:
    """The Dirichlet posteriors' own parameters."""
    return (alpha,)


def as_laplace(alpha: Tensor) -> tuple[Tensor, ...]:
    """(mean, log variance) of the Laplace approximation of Dirichlet(alpha) before the softmax.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """
    n_topics, log_alpha = alpha.shape[-1], alpha.log()
    shared = alpha.reciprocal().sum(-1, keepdim=True) / n_topics**2
    variance = (1 - 2 / n_topics) / alpha + shared
    return log_alpha - log_alpha.mean(-1, keepdim=True), variance.log()


def as_weibull(alpha: Tensor) -> tuple[Tensor, ...]:
    """(shape, scale) of Weibull variates whose logarithms have Gamma(alpha, 1)'s two moments."""
    shape = math.pi / (6 * torch.polygamma(1, alpha)).sqrt()
    return shape, (alpha.digamma() + EULER / shape).exp()


@dataclass(frozen=True)
class Scheme:
    """How θ is drawn at concentrations α, and so how the gradient is estimated.

    `posterior` is one of :data:`ntm_fast.models.posteriors.POSTERIORS`, or "torch" for torch's own
    draws; `settings` are fields of `ModelSettings`; `parameters` gives q's parameters for α;
    `baseline` takes the draws' mean f off where the score function is used.
    """

    posterior: str
    settings: dict[str, Any] = field(default_factory=dict)
    parameters: Callable[[Tensor], tuple[Tensor, ...]] = as_given
    baseline: bool = False

    def gradients(self, alpha: Tensor, n: int, seed: Tensor, f: Objective, ops: Ops) -> Tensor:
        """Estimates of ∂E[f(θ)]/∂α [n, K], one from each of n draws at alpha [K]."""
        leaf = alpha.expand(n, -1).clone().requires_grad_()
        theta, log_weight = self._draw(leaf, seed, ops)
        value = f(theta)
        if log_weight is not None:
            fixed = value.detach()
            value = value + (fixed - fixed.mean() if self.baseline else fixed) * log_weight
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        return gradient

    def _draw(self, alpha: Tensor, seed: Tensor, ops: Ops) -> Draw:
        if self.posterior == "torch":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(seed))
                return Draw(torch.distributions.Dirichlet(alpha, validate_args=False).rsample())
        settings = ModelSettings(n_topics=alpha.shape[-1], **self.settings)
        posterior = POSTERIORS[self.posterior](1, settings, ops)
        return posterior.draw(self.parameters(alpha), seed)


SCHEMES = {
    "torch": Scheme("torch"),
    "implicit": Scheme("dirichlet"),
    "rao-blackwell": Scheme("dirichlet-rao-blackwell"),
    "rsvi-1": Scheme("dirichlet-rsvi", {"boost": 1}),
    "rsvi-1-corrected": Scheme("dirichlet-rsvi", {"boost": 1, "correction": True}),
    "rsvi-10": Scheme("dirichlet-rsvi", {"boost": 10}),
    "rsvi-10-corrected": Scheme("dirichlet-rsvi", {"boost": 10, "correction": True}),
    "inverse-cdf": Scheme("dirichlet-inverse-cdf"),
    "weibull": Scheme("weibull", parameters=as_weibull),
    "laplace": Scheme("logistic-normal", parameters=as_laplace),
    "score-function": Scheme("score-function", baseline=True),
}
