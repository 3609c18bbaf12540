"""What defines a training run."""

from __future__ import annotations

from dataclasses import dataclass

from ntm_fast.models import checks

SCHEDULES = ("constant", "linear", "cyclic")
RATE_SCHEDULES = ("constant", "linear", "cosine")
OPTIMISERS = ("adam", "deferred-adam", "lazy-adam")
PRECISIONS = ("highest", "high", "medium")


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
