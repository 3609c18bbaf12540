"""Dirichlet posterior with implicit reparameterisation gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ntm_fast.models.backend import Ops
from ntm_fast.models.batch_norm import dense, maybe_batch_norm
from ntm_fast.models.posteriors.posterior import Parameters, Posterior, register
from ntm_fast.settings import ModelSettings


@register("dirichlet")
class Dirichlet(Posterior):
    """θ ~ Dir(α), α = softplus(head) kept within [floor, ceiling]; the prior is Dir(a, …, a).

    A learned prior Dir(a_1, …, a_K) starts there.

    Draws are made in log space, where gamma variates of small shape do not underflow, with
    implicit gradients.

    Source: Figurnov, Mohamed & Mnih, "Implicit Reparameterization Gradients", 2018; Burkhardt &
    Kramer, "Decoupling Sparsity and Smoothness in the Dirichlet Variational Autoencoder Topic
    Model", 2019.
    """

    uses: tuple[str, ...] = ("prior", "concentration_floor", "concentration_ceiling")
    names = ("alpha",)
    log_prior: Tensor

    def __init__(self, n_hidden: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_hidden, settings, ops)
        self.floor, self.ceiling = settings.concentration_floor, settings.concentration_ceiling
        self.head = nn.Linear(n_hidden, settings.n_topics)
        self.norm = maybe_batch_norm(
            settings.n_topics,
            settings.encoder_batch_norm,
            momentum=settings.batch_norm_momentum,
            eps=settings.batch_norm_eps,
        )
        log_prior = math.log(settings.prior)
        self.register_prior("log_prior", torch.full((settings.n_topics,), log_prior))

    def forward(self, hidden: Tensor) -> Parameters:
        alpha = dense(self.ops, hidden, self.head, self.norm, "softplus")
        return ((alpha + self.floor).clamp(max=self.ceiling),)

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        return self.ops.log_dirichlet_rsample(parameters[0], seed).exp()

    def kl(self, parameters: Parameters) -> Tensor:
        return self.ops.kl_dirichlet(parameters[0], self.log_prior.exp())

    def kl_per_topic(self, parameters: Parameters) -> Tensor:
        """KL of the marginals θ_k ~ Beta(α_k, α_0 − α_k), α_0 = Σ α."""
        if self.n_topics == 1:  # θ is 1, always
            return torch.zeros_like(parameters[0])
        alpha, prior = (
            torch.stack((a, a.sum(-1, keepdim=True) - a), -1).clamp_min(1e-30)
            for a in (parameters[0], self.log_prior.exp())
        )
        return self.ops.kl_dirichlet(alpha, prior)

    def prior_concentration(self) -> Tensor:
        return self.log_prior.exp()

    def mean(self, parameters: Parameters) -> Tensor:
        return parameters[0] / parameters[0].sum(1, keepdim=True)
