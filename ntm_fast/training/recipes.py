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
        prior=1.0,
        hidden=(100, 100),
        activation="softplus",
        topic_dropout=0.5,
        batch_norm_momentum=0.01,
    ),
    TrainingSettings(learning_rate=2e-3, betas=(0.99, 0.999), batch_size=200),
)
NVLDA = Recipe(
    ModelSettings(
        posterior="logistic-normal",
        decoder="mixture",
        prior=1.0,
        hidden=(100, 100),
        activation="softplus",
    ),
    TrainingSettings(learning_rate=5e-3, betas=(0.99, 0.999), batch_size=200),
)
DIRICHLET_VAE = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="product",
        prior=0.02,
        hidden=(100,),
        activation="relu",
    ),
    TrainingSettings(
        learning_rate=1e-3,
        betas=(0.9, 0.999),
        batch_size=100,
        kl_schedule="linear",
        warm_up=60,
    ),
)
LDAVAE = Recipe(
    ModelSettings(
        posterior="dirichlet",
        decoder="mixture",
        prior=0.1,
        hidden=(100,),
        activation="relu",
    ),
    TrainingSettings(
        learning_rate=1e-3,
        betas=(0.9, 0.999),
        batch_size=100,
        kl_schedule="linear",
        warm_up=60,
    ),
)
RECIPES = {
    "ProdLDA": PRODLDA,
    "NVLDA": NVLDA,
    "DirichletVAE": DIRICHLET_VAE,
    "LDAVAE": LDAVAE,
}
