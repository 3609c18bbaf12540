"""Named models: architecture and training that belong together, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ntm_fast.models import ModelSettings
from ntm_fast.training.settings import TrainingSettings


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


PRODLDA = Recipe(
    ModelSettings(
        posterior="logistic-normal",
        decoder="product",
        # Between the paper's 1 (more diverse topics) and 0.1 (more coherent ones).
        prior=0.5,
        hidden=(100, 100),
        activation="softplus",  # with ReLU the posterior collapsed
        # Long documents do not shout down short ones: coherence .27 → .30, perplexity 816 → 769.
        inputs="log1p",
        encoder_dropout=0.25,  # coherence; the paper's 0.6 on both costs perplexity
        topic_dropout=0.2,  # coherence against diversity: 0.1 gives .29/.67, 0.5 gives .32/.46
        batch_norm_momentum=0.01,
    ),
    # b1 = 0.99, the paper's, is no better here: the batch norms keep components alive.
    TrainingSettings(
        learning_rate=2e-3, betas=(0.9, 0.999), batch_size=200, epochs=60, patience=15
    ),
)
NVLDA = Recipe(
    ModelSettings(
        posterior="logistic-normal",
        decoder="mixture",
        prior=0.3,
        hidden=(100, 100),
        activation="softplus",
        inputs="log1p",
        # No dropout: with it, and a small learning rate, the posterior collapsed to the prior.
        # Without batch norm of the posterior's parameters it all but does (15 topics lead any
        # document, of 50).
    ),
    # Topics start alike and must part, so the rate is high. Without warm-up the posterior
    # collapsed to the prior within an epoch of a corpus of 54,000 words, at twice this rate.
    TrainingSettings(
        learning_rate=1e-2,
        betas=(0.99, 0.999),
        batch_size=200,
        epochs=80,
        kl_schedule="linear",
        warm_up=20,
        patience=15,
    ),
)
DIRICHLET_VAE = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="product",
        prior=0.02,
        hidden=(100,),
        activation="relu",
        inputs="log1p",
        encoder_dropout=0.25,  # with log1p: coherence .25 → .34
    ),
    TrainingSettings(
        learning_rate=2e-3,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=80,
        kl_schedule="linear",  # a sparse prior at full weight from the start switches topics off
        warm_up=20,
        patience=15,
    ),
)
LDAVAE = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="mixture",
        prior=0.1,
        hidden=(100, 100),
        activation="softplus",
        inputs="log1p",
    ),
    # Topics start alike and must part: 0.001 leaves diversity at .15, 0.02 reaches .34, 0.05 no
    # more than that.
    TrainingSettings(
        learning_rate=2e-2,
        betas=(0.9, 0.999),
        batch_size=200,
        epochs=80,
        kl_schedule="linear",
        warm_up=20,
        patience=15,
    ),
)
RECIPES = {
    "ProdLDA": PRODLDA,
    "NVLDA": NVLDA,
    "DirichletVAE": DIRICHLET_VAE,
    "LDAVAE": LDAVAE,
}
