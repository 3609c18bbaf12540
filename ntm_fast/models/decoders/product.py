"""Product of experts: the topics' contributions are added in the logits of the words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ntm_fast.bags import Bags
from ntm_fast.models.backend import Ops
from ntm_fast.models.batch_norm import RunningMoments
from ntm_fast.models.decoders.decoder import Decoder, register
from ntm_fast.models.randomness import Masks, dropout
from ntm_fast.settings import ModelSettings


@register("product")
class Product(Decoder):
    """p(· | θ) = softmax_v(BN(W θ)), weights W [V, K], word-major.

    The batch norm of the logits has a learned shift (the words' background) and a scale frozen
    at 1. Without batch norm the shift is the bias of the logits; with `background=False` there is
    none.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """

    uses: tuple[str, ...] = ("decoder_batch_norm",)
    accepts = ("proportions", "reals")
    running: RunningMoments | None

    def __init__(self, n_words: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_words, settings, ops)
        self.eps = settings.batch_norm_eps
        self.make_topics(settings)
        background = settings.background in (None, True)
        self.shift = nn.Parameter(torch.zeros(n_words)) if background else None
        self.running = None
        if settings.decoder_batch_norm:
            self.running = RunningMoments(n_words, settings.batch_norm_momentum)

    def make_topics(self, settings: ModelSettings) -> None:
        """Register the parameters of the topics' weights."""
        self.weight = nn.Parameter(torch.empty(self.n_words, self.n_topics))
        nn.init.xavier_uniform_(self.weight)

    def topic_matrix(self) -> Tensor:
        """Weights W [V, K]."""
        return self.weight

    def drop_topics(self, theta: Tensor, p: float, masks: Masks | None) -> Tensor:
        return dropout(theta, p, masks)

    def forward(self, theta: Tensor, batch: Bags, matrix: Tensor | None = None) -> Tensor:
        weight = self.topic_matrix() if matrix is None else matrix
        if self.running is None:
            return self.ops.bow_product_log_likelihood(theta, weight, self.shift, batch)[0]
        from_batch = self.training and theta.shape[0] > 1
        mean, variance = (None, None) if from_batch else self.running.corrected()
        log_likelihood, mean, variance = self.ops.bow_product_log_likelihood(
            theta,
            weight,
            None,
            batch,
            batch_norm=True,
            mean=mean,
            var=variance,
            shift=self.shift,
            eps=self.eps,
        )
        if from_batch:
            self.running.update(mean, variance, theta.shape[0])
        return log_likelihood

    def word_probabilities(self, theta: Tensor) -> Tensor:
        logits = theta @ self.topic_matrix().T
        if self.running is not None:
            mean, variance = self.running.corrected()
            logits = (logits - mean) * torch.rsqrt(variance + self.eps)
        return torch.softmax(logits if self.shift is None else logits + self.shift, dim=1)

    def topic_weights(self) -> Tensor:
        """softmax_v of t_k = g ⊙ (W_k − mean_j W_j), g the scale by which the batch norm divides.

        The part that all topics share, and the background in the shift, are left out: they would
        put the same frequent words at the top of every topic.
        """
        return torch.softmax(self.own_logits().T, dim=1)

    def topics_with_background(self) -> Tensor:
        """softmax_v of t_k + shift: `topic_weights` times the background, normalised.

        Without the shift a word's weight does not reflect its frequency, and rare words rank first
        in large vocabularies.
        """
        own = self.own_logits()
        return torch.softmax((own if self.shift is None else own + self.shift[:, None]).T, dim=1)

    def own_logits(self, matrix: Tensor | None = None) -> Tensor:
        """The t_k of `topic_weights`, word-major [V, K]."""
        weight = self.topic_matrix() if matrix is None else matrix
        own = weight - weight.mean(1, keepdim=True)
        if self.running is None:
            return own
        return own * torch.rsqrt(self.running.corrected()[1] + self.eps)[:, None]

    def overlap(self, matrix: Tensor | None = None) -> Tensor:
        return self.ops.topic_overlap(self.own_logits(matrix))
