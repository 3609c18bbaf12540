"""What defines a topic model's architecture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSettings:
    """Encoder, posterior and decoder of a topic model; defaults are ProdLDA's.

    Attributes
    ----------
    n_topics : K
    posterior, decoder : names in `POSTERIORS` and `DECODERS`
    prior : concentration a of the symmetric Dirichlet prior (or of its Laplace approximation)
    hidden : widths of the encoder's layers
    activation : "softplus" or "relu"
    inputs : "counts", "log1p" or "normalised"
    encoder_dropout, topic_dropout : probabilities, for the encoder's output and for θ
    encoder_batch_norm, decoder_batch_norm : whether q's parameters and the logits are normalised
    batch_norm_momentum, batch_norm_eps : of both
    concentration_floor, concentration_ceiling : bounds of a Dirichlet posterior's α
    """

    n_topics: int = 50
    posterior: str = "logistic-normal"
    decoder: str = "product"
    prior: float = 1.0
    hidden: tuple[int, ...] = (100, 100)
    activation: str = "softplus"
    inputs: str = "counts"
    encoder_dropout: float = 0.0
    topic_dropout: float = 0.0
    encoder_batch_norm: bool = True
    decoder_batch_norm: bool = True
    batch_norm_momentum: float = 0.01
    batch_norm_eps: float = 1e-3
    concentration_floor: float = 1e-5
    concentration_ceiling: float = 1e3
