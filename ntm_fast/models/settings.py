"""What defines a topic model's architecture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntm_fast.models import checks

ACTIVATIONS = ("softplus", "relu")
INPUTS = ("counts", "log1p", "normalised")
FLAGS = (
    "encoder_batch_norm",
    "decoder_batch_norm",
    "learned_prior",
    "correction",
    "topic_batch_norm",
    "learned_embeddings",
)


@dataclass(frozen=True)
class ModelSettings:
    """Encoder, posterior and decoder of a topic model; defaults are ProdLDA's.

    Models saved before a field existed are read with its default, which has to mean what they did.

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
    concentration_floor, concentration_ceiling : bounds of a Dirichlet posterior's α, and of a
        Weibull posterior's mean
    variance_floor, variance_ceiling : bounds of a Gaussian posterior's σ², None for none
    learned_prior : whether the prior is trained too, beginning as `prior` says
    boost, correction : of "dirichlet-rsvi": by how much α is raised, and whether the term of the
        gradient that it leaves out is estimated
    prior_rate : rate b of a Weibull posterior's prior Gamma(prior, b)
    shape_floor : least shape of a Weibull posterior; below 0.1 its mean explodes
    background : whether words have a bias that all topics share; None for as the decoder is
        known: yes for products, and for mixtures with `topic_batch_norm`. It begins at the words'
        frequencies in the documents that an estimator is fitted to
    topic_batch_norm : whether a mixture's logits are normalised over the topics, word by word
    embedding_size : of embedded decoders, unless their word embeddings are given
    learned_embeddings : whether word embeddings are trained
    refinement : of mixtures: updates of each document's θ when it is evaluated, beginning at the
        encoder's; see `ntm_fast.ops.bow_mixture_proportions`. The ELBO stays the
        encoder's
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
    variance_floor: float | None = None
    variance_ceiling: float | None = None
    learned_prior: bool = False
    boost: int = 10
    correction: bool = False
    prior_rate: float = 1.0
    shape_floor: float = 0.1
    background: bool | None = None
    topic_batch_norm: bool = False
    embedding_size: int = 300
    learned_embeddings: bool = True
    refinement: int = 0

    def __post_init__(self) -> None:
        checks.normalise(
            self,
            n_topics=checks.integer("n_topics", self.n_topics, 1),
            prior=checks.number("prior", self.prior, 0, open_ends="low"),
            hidden=checks.sequence("hidden", self.hidden, lambda n, v: checks.integer(n, v, 1)),
            activation=checks.choice("activation", self.activation, ACTIVATIONS),
            inputs=checks.choice("inputs", self.inputs, INPUTS),
            boost=checks.integer("boost", self.boost, 1),
            refinement=checks.integer("refinement", self.refinement, 0),
            embedding_size=checks.integer("embedding_size", self.embedding_size, 1),
            **{name: checks.flag(name, getattr(self, name)) for name in FLAGS},
            **{
                name: checks.number(name, getattr(self, name), 0, 1, open_ends="high")
                for name in ("encoder_dropout", "topic_dropout")
            },
            **{
                name: checks.number(name, getattr(self, name), 0, high, open_ends="low")
                for name, high in (
                    ("batch_norm_momentum", 1.0),
                    ("batch_norm_eps", math.inf),
                    ("prior_rate", math.inf),
                    ("shape_floor", math.inf),
                    ("concentration_floor", math.inf),
                    ("concentration_ceiling", math.inf),
                )
            },
        )
        low, high = self.variance_floor, self.variance_ceiling
        for name, value in (("variance_floor", low), ("variance_ceiling", high)):
            if value is not None:
                checks.normalise(self, **{name: checks.number(name, value, 0, open_ends="low")})
        if low is not None and high is not None and high <= low:
            raise ValueError(f"variance_ceiling is {high}; expected > variance_floor, {low}")
        if self.background is not None:
            checks.flag("background", self.background)
        if self.concentration_ceiling <= self.concentration_floor:
            raise ValueError(
                f"concentration_ceiling is {self.concentration_ceiling}; expected more than"
                f" concentration_floor, {self.concentration_floor}"
            )
