"""Gaussian posteriors with a standard normal prior, through a softmax or as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.models.backend import Ops
from ntm_fast.models.posteriors.logistic_normal import LogisticNormal
from ntm_fast.models.posteriors.posterior import Parameters, register
from ntm_fast.models.randomness import generator
from ntm_fast.settings import ModelSettings


@register("gaussian-softmax")
class GaussianSoftmax(LogisticNormal):
    """θ = softmax(z), z = μ + σε ~ N(μ, σ²); the prior of z is N(0, I).

    Source: Miao, Grefenstette & Blunsom, "Discovering Discrete Latent Topics with Neural
    Variational Inference", 2017.
    """

    uses: tuple[str, ...] = ("variance_floor", "variance_ceiling")

    def __init__(self, n_hidden: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_hidden, settings, ops)
        with torch.no_grad():
            self.prior_log_variance.zero_()


@register("gaussian")
class Gaussian(GaussianSoftmax):
    """θ = z itself, real numbers that a product of experts uses as weights of its topics.

    Source: Miao, Yu & Blunsom, "Neural Variational Inference for Text Processing", 2016.
    """

    gives = ("reals",)

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        mean, log_variance = parameters
        noise = torch.empty_like(mean).normal_(generator=generator(seed, mean.device))
        return mean + (0.5 * log_variance).exp() * noise

    def mean(self, parameters: Parameters) -> Tensor:
        return parameters[0]

    def proportions(self, theta: Tensor) -> Tensor:
        return torch.softmax(theta, dim=1)
