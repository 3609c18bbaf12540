"""Every setting of a model and of its training, and both together as a recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from ntm_fast import checks

ACTIVATIONS = ("softplus", "relu")
INPUTS = ("counts", "log1p", "normalised")
SCHEDULES = ("constant", "linear", "cyclic")
RATE_SCHEDULES = ("constant", "linear", "cosine")
OPTIMISERS = ("adam", "deferred-adam", "lazy-adam")
PRECISIONS = ("highest", "high", "medium")
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


@dataclass(frozen=True)
class TrainingSettings:
    """Optimiser, schedule and stopping rule; defaults are ProdLDA's.

    Attributes
    ----------
    epochs : passes over the training documents, at most
    batch_size : documents a step (AEVB's M)
    n_samples : draws of θ a document and step (AEVB's L)
    em_steps : None trains encoder and decoder together; (E, M) takes E steps of encoder and
        posterior alone, then M of decoder and prior alone, in turns
    optimiser : "adam"; "deferred-adam", the same but that rows of words which a batch lacks wait
        for their steps until they are read, or all rows are: the same weights up to rounding in
        less time (on the CPU, where batches touch few of the words; else it is plain Adam); or
        "lazy-adam", another method, on the CPU alone, which does not move such rows at all
    learning_rate, betas, weight_decay : Adam's
    learning_rate_schedule : "constant", or "linear" or "cosine" down to 0 at the last epoch
    learning_rate_warm_up : epochs over which the learning rate rises from 0 first
    kl_weight : final weight of the KL term; 1 for a VAE, others for a β-VAE
    kl_schedule : "constant", "linear" (0 to kl_weight over `warm_up` epochs) or "cyclic" (that
        rise over the first half of each of `warm_up` epochs, again and again)
    warm_up : epochs, see kl_schedule; of fewer `epochs` in all, none comes to kl_weight
    free_bits : nats of KL a document that cost nothing to use
    diversity : weight of the topics' overlap, which keeps them from being learned twice over;
        in nats a document, turned up with the KL term; see `ntm_fast.ops.topic_overlap`
    diversity_every : steps of which one pays for the overlap, and so many times over: it changes
        slowly, and at 50,000 words costs more than all else in a step
    prior_burn_in : epochs before a learned prior moves
    validation : share of the documents held out to decide when to stop, 0 for none
    patience : epochs without a better validation ELBO before training stops, None for never;
        with validation documents the best epoch's weights are kept in either case
    precision : of float32 matrix products: "highest", "high" or "medium", as in
        `torch.set_float32_matmul_precision`; sums, losses and statistics stay float32. What each
        comes to on this machine, `ntm-fast info` says; "medium" rounds operands to bfloat16 where
        that is faster
    autocast : compute the losses under `torch.autocast` to bfloat16: the encoder's dense layers
        too multiply in it, and the decoder as at "medium". For GPUs above all; weights, gradients,
        sums and statistics stay float32
    cuda_graphs : on a GPU that holds the corpus, record each shape of step once and replay it: one
        launch instead of hundreds, for models so small that launching takes longer than computing.
        Not with em_steps or prior_burn_in, nor posterior "gaussian"
    """

    epochs: int = 100
    batch_size: int = 200
    n_samples: int = 1
    em_steps: tuple[int, int] | None = None
    optimiser: str = "deferred-adam"
    learning_rate: float = 2e-3
    betas: tuple[float, float] = (0.99, 0.999)
    weight_decay: float = 0.0
    learning_rate_schedule: str = "constant"
    learning_rate_warm_up: int = 0
    kl_weight: float = 1.0
    kl_schedule: str = "constant"
    warm_up: int = 0
    free_bits: float = 0.0
    diversity: float = 0.0
    diversity_every: int = 1
    prior_burn_in: int = 0
    validation: float = 0.1
    patience: int | None = 20
    precision: str = "highest"
    autocast: bool = False
    cuda_graphs: bool = False

    def __post_init__(self) -> None:
        checks.normalise(
            self,
            epochs=checks.integer("epochs", self.epochs, 0),
            batch_size=checks.integer("batch_size", self.batch_size, 1),
            n_samples=checks.integer("n_samples", self.n_samples, 1),
            optimiser=checks.choice("optimiser", self.optimiser, OPTIMISERS),
            learning_rate=checks.number("learning_rate", self.learning_rate, 0, open_ends="low"),
            betas=checks.sequence(
                "betas", self.betas, lambda n, v: checks.number(n, v, 0, 1, open_ends="high")
            ),
            weight_decay=checks.number("weight_decay", self.weight_decay, 0),
            kl_weight=checks.number("kl_weight", self.kl_weight, 0),
            kl_schedule=checks.choice("kl_schedule", self.kl_schedule, SCHEDULES),
            warm_up=checks.integer("warm_up", self.warm_up, 0),
            free_bits=checks.number("free_bits", self.free_bits, 0),
            diversity=checks.number("diversity", self.diversity, 0),
            diversity_every=checks.integer("diversity_every", self.diversity_every, 1),
            prior_burn_in=checks.integer("prior_burn_in", self.prior_burn_in, 0),
            learning_rate_schedule=checks.choice(
                "learning_rate_schedule", self.learning_rate_schedule, RATE_SCHEDULES
            ),
            learning_rate_warm_up=checks.integer(
                "learning_rate_warm_up", self.learning_rate_warm_up, 0
            ),
            validation=checks.number("validation", self.validation, 0, 1, open_ends="high"),
            precision=checks.choice("precision", self.precision, PRECISIONS),
        )
        if len(self.betas) != 2:
            raise ValueError(f"betas is {self.betas}; expected two numbers")
        if self.em_steps is not None:
            steps = checks.sequence("em_steps", self.em_steps, lambda n, v: checks.integer(n, v, 1))
            if len(steps) != 2:
                raise ValueError(f"em_steps is {self.em_steps}; expected two numbers, E and M")
            checks.normalise(self, em_steps=steps)
        if self.patience is not None:
            checks.normalise(self, patience=checks.integer("patience", self.patience, 1))


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained."""

    model: ModelSettings
    training: TrainingSettings

    def changed(self, **values: Any) -> Recipe:
        """The recipe with other values for fields of either part, checked.

        Raises ValueError or TypeError naming the field, its value and what was expected.
        """
        model, training = (
            {field.name for field in fields(part)} for part in (self.model, self.training)
        )
        unknown = sorted(set(values) - model - training)
        if unknown:
            raise ValueError(
                f"unknown option {unknown[0]!r}; expected one of"
                f" {', '.join(sorted(model | training))}"
            )
        return Recipe(
            replace(self.model, **{k: v for k, v in values.items() if k in model}),
            replace(self.training, **{k: v for k, v in values.items() if k in training}),
        )
