"""Mixture of topics: the likelihood of latent Dirichlet allocation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ntm_fast.bags import Bags
from ntm_fast.models.backend import Ops
from ntm_fast.models.decoders.decoder import Decoder, register
from ntm_fast.models.kept import Kept, at_most_one
from ntm_fast.models.randomness import Masks, dropout
from ntm_fast.settings import ModelSettings

M = TypeVar("M", bound="Mixture")


@register("mixture")
class Mixture(Decoder):
    """p(v | θ) = Σ_k θ_k β_kv, β_k = softmax over words of the topic's logits [V, K].

    With `topic_batch_norm` each word's logits are normalised over the topics, with `background`
    they get a bias that all topics share.

    Source: Blei, Ng & Jordan, "Latent Dirichlet Allocation", 2003; Srivastava & Sutton,
    "Autoencoding Variational Inference for Topic Models", 2017 (the batch norm, of their NVLDA).
    """

    uses: tuple[str, ...] = ("topic_batch_norm", "refinement")
    accepts = ("proportions",)

    def __init__(self, n_words: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_words, settings, ops)
        self.batch_norm, self.eps = settings.topic_batch_norm, settings.batch_norm_eps
        wanted = settings.background
        background = settings.topic_batch_norm if wanted is None else wanted
        self.shift = nn.Parameter(torch.zeros(n_words)) if background else None
        self.make_topics(settings)
        self._relative = Kept()

    def make_topics(self, settings: ModelSettings) -> None:
        """Register the parameters of the topics' logits."""
        self.topic_logits = nn.Parameter(torch.empty(self.n_words, self.n_topics))
        nn.init.xavier_uniform_(self.topic_logits)

    def own_logits(self) -> Tensor:
        """Logits [V, K] without the background."""
        return self.topic_logits

    def topic_matrix(self) -> Tensor:
        """Logits [V, K]; the topics are their softmax over words."""
        logits = self.own_logits()
        if self.batch_norm:
            variance, mean = torch.var_mean(logits, 1, correction=0, keepdim=True)
            logits = (logits - mean) * torch.rsqrt(variance + self.eps)
        return logits if self.shift is None else logits + self.shift[:, None]

    def relative_topics(self) -> Tensor:
        """The topics β [V, K], each word's row divided by its largest element.

        In evaluation they are kept until a parameter changes, 4 V K bytes.
        """
        with torch.no_grad():
            return self._relative.get(self, lambda: at_most_one(self.topic_matrix()))

    def train(self: M, mode: bool = True) -> M:
        """As in any module; the kept topics are dropped."""
        self._relative.drop()
        return super().train(mode)

    def _apply(self: M, fn: Callable[..., Any], recurse: bool = True) -> M:
        self._relative.drop()  # another device or dtype: do not keep the old tensors
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call, no-any-return]

    def drop_topics(self, theta: Tensor, p: float, masks: Masks | None) -> Tensor:
        """The weights of the topics that are kept are divided by their sum, so they add up to 1."""
        kept = dropout(theta, p, masks)
        if kept is theta:
            return theta
        total = kept.sum(1, keepdim=True)
        return torch.where(total > 0, kept / torch.where(total > 0, total, 1), theta)

    def forward(self, theta: Tensor, batch: Bags, matrix: Tensor | None = None) -> Tensor:
        logits = self.topic_matrix() if matrix is None else matrix
        return self.ops.bow_mixture_log_likelihood(theta, logits, batch)

    def word_probabilities(self, theta: Tensor) -> Tensor:
        return theta @ torch.softmax(self.topic_matrix().T, dim=1)

    def overlap(self, matrix: Tensor | None = None) -> Tensor:
        return self.ops.topic_overlap(self.topic_matrix() if matrix is None else matrix)

    def topics_with_background(self) -> Tensor:
        """The topics β [K, V] themselves."""
        return torch.softmax(self.topic_matrix().T, dim=1)

    def topic_weights(self) -> Tensor:
        """The topics β [K, V]; with a background, without what all topics share."""
        if self.shift is None:
            return self.topics_with_background()
        own = self.topic_matrix()
        return torch.softmax((own - own.mean(1, keepdim=True)).T, dim=1)
