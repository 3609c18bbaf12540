"""A model and how it is trained, as one object."""

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
