"""The interface of posteriors, and the table of their names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ntm_fast.models.backend import Ops, OpsModule
from ntm_fast.settings import ModelSettings

Parameters = tuple[Tensor, ...]


class Draw(NamedTuple):
    """A draw of θ [B, K], and the term that the gradient through it lacks.

    The gradient of E[f(θ)] is that of f(θ) + (f(θ) − b) · log_weight for any baseline b, where
    f and b of the second term are held fixed; log_weight [B] is None if the gradient is complete.
    """

    theta: Tensor
    log_weight: Tensor | None = None


class Posterior(OpsModule):
    """q(θ | x) as a layer: hidden vectors in, distributions over topic proportions out.

    Its parameters are a tuple of tensors [B, …], whose names are `names`; sampling, the
    divergence from the prior and the mean are functions of that tuple. `gives` says what its θ
    can be: "proportions" that sum to 1, "intensities" >= 0, or any "reals"; `kind` what it is.
    `uses` names the settings that it uses and some other posterior does not.
    """

    uses: tuple[str, ...]
    names: tuple[str, ...]
    gives: tuple[str, ...] = ("proportions",)

    def __init__(self, n_hidden: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(ops)
        self.n_hidden, self.n_topics = n_hidden, settings.n_topics
        self.learned_prior, self.concentration = settings.learned_prior, settings.prior
        self.kind = self.gives[0]
        self._prior: list[str] = []

    @abstractmethod
    def forward(self, hidden: Tensor) -> Parameters:
        """Parameters of q for hidden vectors [B, H]."""

    @abstractmethod
    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        """A draw of θ [B, K] for a 0-dim int64 seed, reparameterised where q can be."""

    @abstractmethod
    def kl(self, parameters: Parameters) -> Tensor:
        """KL(q ‖ prior) of each document [B], in nats."""

    @abstractmethod
    def kl_per_topic(self, parameters: Parameters) -> Tensor:
        """KL of each topic's marginal of q from its marginal of the prior [B, K], in nats.

        If topics are independent, their sum is `kl`; otherwise it is at most that.
        """

    @abstractmethod
    def mean(self, parameters: Parameters) -> Tensor:
        """The θ [B, K] that represents the document in evaluation, of this posterior's kind."""

    def draw(self, parameters: Parameters, seed: Tensor) -> Draw:
        """`sample`, with the term that its gradient lacks."""
        return Draw(self.sample(parameters, seed))

    def proportions(self, theta: Tensor) -> Tensor:
        """θ [B, K] of this posterior's kind as proportions, whose rows sum to 1."""
        return theta

    def register_prior(self, name: str, value: Tensor) -> None:
        """A parameter of the prior under `name`: a buffer, or a Parameter where it is learned."""
        self._prior.append(name)
        if self.learned_prior:
            self.register_parameter(name, nn.Parameter(value))
        else:
            self.register_buffer(name, value)

    def prior_concentration(self) -> Tensor:
        """Concentrations [K] of the Dirichlet prior that θ is refined with."""
        return torch.full((self.n_topics,), self.concentration)

    def prior_parameters(self) -> list[nn.Parameter]:
        """Parameters of a learned prior, none of a fixed one."""
        return [getattr(self, name) for name in self._prior if self.learned_prior]


POSTERIORS: dict[str, type[Posterior]] = {}
P = TypeVar("P", bound=type[Any])


def register(name: str) -> Callable[[P], P]:
    """Decorator that makes a posterior available as ``posterior=name``."""

    def add(cls: P) -> P:
        POSTERIORS[name] = cls
        return cls

    return add
