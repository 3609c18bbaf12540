"""Decoders whose topics and words are points of one space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ntm_fast.models.decoders.decoder import register
from ntm_fast.models.decoders.mixture import Mixture
from ntm_fast.models.decoders.product import Product
from ntm_fast.settings import ModelSettings


class WordEmbeddings(nn.Module):
    """Logits ρ tᵀ [V, K] of topic embeddings t [K, E] and word embeddings ρ [V, E]."""

    def __init__(self, n_words: int, settings: ModelSettings) -> None:
        super().__init__()
        size = settings.embedding_size
        self.words = nn.Parameter(torch.randn(n_words, size) / size**0.5)
        self.words.requires_grad_(settings.learned_embeddings)
        self.topics = nn.Parameter(torch.randn(settings.n_topics, size) / size**0.5)

    def forward(self) -> Tensor:
        """ρ tᵀ."""
        return self.words @ self.topics.T

    @torch.no_grad()
    def give(self, words: Tensor) -> None:
        """Use given word embeddings [V, E].

        Raises ValueError for another shape, or values that are not finite.
        """
        if words.shape != self.words.shape:
            shape, expected = tuple(words.shape), tuple(self.words.shape)
            raise ValueError(f"embeddings has shape {shape}; expected {expected}")
        if not words.isfinite().all():
            raise ValueError("embeddings holds a value that is not a finite number")
        self.words.copy_(words)


@register("embedded-mixture")
class EmbeddedMixture(Mixture):
    """A mixture of topics β_k = softmax over words of ρ t_k.

    Source: Dieng, Ruiz & Blei, "Topic Modeling in Embedding Spaces", 2020.
    """

    uses: tuple[str, ...] = (*Mixture.uses, "embedding_size", "learned_embeddings")

    def make_topics(self, settings: ModelSettings) -> None:
        self.embeddings = WordEmbeddings(self.n_words, settings)

    def own_logits(self) -> Tensor:
        logits: Tensor = self.embeddings()
        return logits


@register("embedded-product")
class EmbeddedProduct(Product):
    """A product of experts whose weights are W = ρ tᵀ.

    Source: as `EmbeddedMixture`, and Srivastava & Sutton, 2017.
    """

    uses: tuple[str, ...] = (*Product.uses, "embedding_size", "learned_embeddings")

    def make_topics(self, settings: ModelSettings) -> None:
        self.embeddings = WordEmbeddings(self.n_words, settings)

    def topic_matrix(self) -> Tensor:
        matrix: Tensor = self.embeddings()
        return matrix
