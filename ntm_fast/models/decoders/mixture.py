"""Mixture of topics: the likelihood of latent Dirichlet allocation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ntm_fast.data import Batch
from ntm_fast.models.backend import Ops
from ntm_fast.models.decoders.base import Decoder, register
from ntm_fast.models.randomness import dropout
from ntm_fast.models.settings import ModelSettings


@register("mixture")
class Mixture(Decoder):
    """p(v | θ) = Σ_k θ_k β_kv, β_k = softmax over words of the topic's logits [V, K].

    Source: Blei, Ng & Jordan, "Latent Dirichlet Allocation", 2003.
    """

    def __init__(self, n_words: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_words, settings, ops)
        self.topic_logits = nn.Parameter(torch.empty(n_words, settings.n_topics))
        nn.init.xavier_uniform_(self.topic_logits)

    def drop_topics(self, theta: Tensor, p: float, masks: torch.Generator | None) -> Tensor:
        """The topics kept share the whole: a mixture's weights sum to 1."""
        kept = dropout(theta, p, masks)
        if kept is theta:
            return theta
        total = kept.sum(1, keepdim=True)
        return torch.where(total > 0, kept / torch.where(total > 0, total, 1), theta)

    def forward(self, theta: Tensor, batch: Batch) -> Tensor:
        return self.ops.bow_mixture_log_likelihood(
            theta, self.topic_logits, batch.indptr, batch.indices, batch.counts
        )

    def word_probabilities(self, theta: Tensor) -> Tensor:
        return theta @ self.topic_weights()

    def topic_weights(self) -> Tensor:
        """The topics β [K, V] themselves."""
        return torch.softmax(self.topic_logits.T, dim=1)
