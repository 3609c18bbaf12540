"""What every posterior offers, and the table of their names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

from ntm_fast.models.backend import Ops, OpsModule
from ntm_fast.models.settings import ModelSettings

Parameters = tuple[Tensor, ...]


class Posterior(OpsModule):
    """q(θ | x) as a layer: hidden vectors in, distributions over topic proportions out.

    Its parameters are a tuple of tensors [B, …], whose names are `names`; sampling, the
    divergence from the prior and the mean are functions of that tuple.
    """

    names: tuple[str, ...]

    def __init__(self, n_hidden: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(ops)
        self.n_hidden, self.n_topics = n_hidden, settings.n_topics

    @abstractmethod
    def forward(self, hidden: Tensor) -> Parameters:
        """Parameters of q for hidden vectors [B, H]."""

    @abstractmethod
    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        """A reparameterised draw of θ [B, K] for a 0-dim int64 seed."""

    @abstractmethod
    def kl(self, parameters: Parameters) -> Tensor:
        """KL(q ‖ prior) of each document [B], in nats."""

    @abstractmethod
    def mean(self, parameters: Parameters) -> Tensor:
        """The θ [B, K] that stands for the document in evaluation."""


POSTERIORS: dict[str, type[Posterior]] = {}
P = TypeVar("P", bound=type[Any])


def register(name: str) -> Callable[[P], P]:
    """Decorator that makes a posterior available as ``posterior=name``."""

    def add(cls: P) -> P:
        POSTERIORS[name] = cls
        return cls

    return add
