"""What defines a topic model's architecture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntm_fast.models import checks

ACTIVATIONS = ("softplus", "relu")
INPUTS = ("counts", "log1p", "normalised")


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

    def __post_init__(self) -> None:
        checks.normalise(
            self,
            n_topics=checks.integer("n_topics", self.n_topics, 1),
            prior=checks.number("prior", self.prior, 0, open_ends="low"),
            hidden=checks.sequence("hidden", self.hidden, lambda n, v: checks.integer(n, v, 1)),
            activation=checks.choice("activation", self.activation, ACTIVATIONS),
            inputs=checks.choice("inputs", self.inputs, INPUTS),
            encoder_batch_norm=checks.flag("encoder_batch_norm", self.encoder_batch_norm),
            decoder_batch_norm=checks.flag("decoder_batch_norm", self.decoder_batch_norm),
            **{
                name: checks.number(name, getattr(self, name), 0, 1, open_ends="high")
                for name in ("encoder_dropout", "topic_dropout")
            },
            **{
                name: checks.number(name, getattr(self, name), 0, high, open_ends="low")
                for name, high in (
                    ("batch_norm_momentum", 1.0),
                    ("batch_norm_eps", math.inf),
                    ("concentration_floor", math.inf),
                    ("concentration_ceiling", math.inf),
                )
            },
        )
        if self.concentration_ceiling <= self.concentration_floor:
            raise ValueError(
                f"concentration_ceiling is {self.concentration_ceiling}; expected more than"
                f" concentration_floor, {self.concentration_floor}"
            )
