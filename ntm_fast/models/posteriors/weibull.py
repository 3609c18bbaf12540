"""Weibull posterior with a Gamma prior."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ntm_fast.models.backend import Ops
from ntm_fast.models.batch_norm import maybe_batch_norm
from ntm_fast.models.posteriors.posterior import Parameters, Posterior, register
from ntm_fast.settings import ModelSettings


@register("weibull")
class Weibull(Posterior):
    """x_k ~ Weibull(k, λ), the prior Gamma(a, b); θ is x, or x / Σ x where proportions are wanted.

    Shape k = softplus(head) within [shape_floor, ceiling]; the mean λ Γ(1 + 1/k) = exp(head)
    within [floor, ceiling], from which λ follows. (The paper uses softplus for λ, but normalised
    heads could then not reach the intensities of long documents.) A learned prior has its own a and
    b for each topic.

    Source: Zhang, Chen, Guo & Zhou, "WHAI: Weibull Hybrid Autoencoding Inference for Deep Topic
    Modeling", 2018.
    """

    uses: tuple[str, ...] = (
        "prior",
        "prior_rate",
        "shape_floor",
        "concentration_floor",
        "concentration_ceiling",
    )
    names = ("shape", "scale")
    gives = ("proportions", "intensities")
    log_prior: Tensor
    log_prior_rate: Tensor

    def __init__(self, n_hidden: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_hidden, settings, ops)
        n_topics = settings.n_topics
        self.shape_floor = settings.shape_floor
        self.floor, self.ceiling = settings.concentration_floor, settings.concentration_ceiling
        self.heads = nn.Linear(n_hidden, 2 * n_topics)
        self.norm = maybe_batch_norm(
            2 * n_topics,
            settings.encoder_batch_norm,
            momentum=settings.batch_norm_momentum,
            eps=settings.batch_norm_eps,
        )
        self.register_prior("log_prior", torch.full((n_topics,), math.log(settings.prior)))
        log_rate = math.log(settings.prior_rate)
        self.register_prior("log_prior_rate", torch.full((n_topics,), log_rate))

    def forward(self, hidden: Tensor) -> Parameters:
        shape, log_mean = self.norm(self.heads(hidden)).chunk(2, dim=1)
        shape = (F.softplus(shape) + self.shape_floor).clamp(max=self.ceiling)
        mean = (log_mean.clamp(max=80).exp() + self.floor).clamp(max=self.ceiling)
        return shape, mean * (-(1 + 1 / shape).lgamma()).exp()

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        shape, scale = parameters
        log_x = self.ops.log_weibull_rsample(shape, scale, seed)
        return torch.softmax(log_x, dim=1) if self.kind == "proportions" else log_x.exp()

    def kl(self, parameters: Parameters) -> Tensor:
        return self.ops.kl_weibull_gamma(*parameters, *self._gamma_prior())

    def kl_per_topic(self, parameters: Parameters) -> Tensor:
        both = (*parameters, *self._gamma_prior())
        return self.ops.kl_weibull_gamma(*(p.unsqueeze(-1) for p in both))

    def _gamma_prior(self) -> Parameters:
        """Shape and rate [K]."""
        return self.log_prior.exp(), self.log_prior_rate.exp()

    def mean(self, parameters: Parameters) -> Tensor:
        """E[x], divided by its sum where proportions are wanted: then not quite E[θ]."""
        shape, scale = parameters
        mean = scale * (1 + 1 / shape).lgamma().exp()
        return mean if self.kind == "intensities" else self.proportions(mean)

    def proportions(self, theta: Tensor) -> Tensor:
        return theta / theta.sum(1, keepdim=True)
