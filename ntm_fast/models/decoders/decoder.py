"""The interface of decoders, and the table of their names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ntm_fast.bags import Bags
from ntm_fast.models.backend import Ops, OpsModule
from ntm_fast.models.randomness import Masks
from ntm_fast.settings import ModelSettings


class Decoder(OpsModule):
    """p(x | θ) for bags of words x; `accepts` says what θ may be, as `Posterior.gives` does.

    `uses` names the settings that it uses and some other decoder does not.
    """

    uses: tuple[str, ...]
    accepts: tuple[str, ...]
    shift: nn.Parameter | None  # the words' background [V], if there is one

    def __init__(self, n_words: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(ops)
        self.n_words, self.n_topics = n_words, settings.n_topics

    @torch.no_grad()
    def init_background(self, frequencies: Tensor) -> None:
        """Start the words' background, if there is one, at the words' frequencies [V], > 0.

        Starting from zero, it takes thousands of steps to tell the rarest words from the most
        frequent ones, and topics learn that in its place.
        """
        if self.shift is not None:
            logs = frequencies.log()
            self.shift.copy_(logs - logs.mean())

    @abstractmethod
    def drop_topics(self, theta: Tensor, p: float, masks: Masks | None) -> Tensor:
        """θ [B, K] with topics dropped with probability p, as this decoder can take it."""

    @abstractmethod
    def topic_matrix(self) -> Tensor:
        """The matrix from which the topics follow, word-major [V, K].

        A step computes it once and passes it to `forward` and `overlap`, which otherwise compute it
        again.
        """

    @abstractmethod
    def forward(self, theta: Tensor, batch: Bags, matrix: Tensor | None = None) -> Tensor:
        """log p(x_d | θ_d) of each document [B], in nats."""

    def words_log_likelihood(
        self, theta: Tensor, batch: Bags, matrix: Tensor | None = None
    ) -> Tensor:
        """Σ_v x_dv log p(v | θ_d) of each document [B]: `forward` without terms of counts alone."""
        value: Tensor = self(theta, batch, matrix)
        return value

    @abstractmethod
    def word_probabilities(self, theta: Tensor) -> Tensor:
        """p(v | θ_d) [B, V], in evaluation mode."""

    @abstractmethod
    def overlap(self, matrix: Tensor | None = None) -> Tensor:
        """How much the topics overlap, 0-dim: see :func:`ntm_fast.ops.topic_overlap`."""

    @abstractmethod
    def topic_weights(self) -> Tensor:
        """Each topic as a distribution over words [K, V], without what all topics share."""

    def topics_with_background(self) -> Tensor:
        """Topics [K, V] with what all of them share, to rank words by relevance."""
        return self.topic_weights()


DECODERS: dict[str, type[Decoder]] = {}
D = TypeVar("D", bound=type[Any])


def register(name: str) -> Callable[[D], D]:
    """Decorator that makes a decoder available as ``decoder=name``."""

    def add(cls: D) -> D:
        DECODERS[name] = cls
        return cls

    return add
