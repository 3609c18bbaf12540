"""Poisson factor analysis: counts as sums of the topics' intensities."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.bags import Bags
from ntm_fast.models.decoders.decoder import register
from ntm_fast.models.decoders.mixture import Mixture
from ntm_fast.models.randomness import Masks, dropout


@register("poisson")
class Poisson(Mixture):
    """x_v ~ Poisson(Σ_k θ_k β_kv), θ_k >= 0 the number of words that topic k is expected to give.

    log p(x | θ) = Σ_v x_v log (θ β)_v − Σ_k θ_k − Σ_v log x_v!, since the topics β sum to 1.

    Source: Zhang, Chen, Guo & Zhou, "WHAI: Weibull Hybrid Autoencoding Inference for Deep Topic
    Modeling", 2018; Zhou et al., "Beta-Negative Binomial Process and Poisson Factor Analysis",
    2012.
    """

    uses: tuple[str, ...] = ("topic_batch_norm",)
    accepts = ("intensities",)

    def drop_topics(self, theta: Tensor, p: float, masks: Masks | None) -> Tensor:
        kept = dropout(theta, p, masks)
        if kept is theta:
            return theta
        return torch.where(kept.sum(1, keepdim=True) > 0, kept, theta)

    def forward(self, theta: Tensor, batch: Bags, matrix: Tensor | None = None) -> Tensor:
        log_factorials = torch.lgamma(batch.counts.to(theta.dtype) + 1)
        documents = torch.repeat_interleave(
            torch.arange(theta.shape[0], device=theta.device),
            batch.indptr.diff().long(),
            output_size=batch.indices.shape[0],  # otherwise this would wait for the GPU
        )
        constant = theta.new_zeros(theta.shape[0]).index_add(0, documents, log_factorials)
        return super().forward(theta, batch, matrix) - theta.sum(1) - constant

    def words_log_likelihood(
        self, theta: Tensor, batch: Bags, matrix: Tensor | None = None
    ) -> Tensor:
        return super().forward(theta / theta.sum(1, keepdim=True), batch, matrix)

    def word_probabilities(self, theta: Tensor) -> Tensor:
        return super().word_probabilities(theta / theta.sum(1, keepdim=True))
