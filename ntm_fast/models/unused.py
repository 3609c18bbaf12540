"""Which settings a model does not use, and which models do."""

from __future__ import annotations

from typing import Any

from ntm_fast import checks
from ntm_fast.models.decoders import DECODERS
from ntm_fast.models.posteriors import POSTERIORS
from ntm_fast.settings import ModelSettings, Recipe, TrainingSettings

PARTS: dict[str, dict[str, type[Any]]] = {"posterior": POSTERIORS, "decoder": DECODERS}


class UnusedSettingError(ValueError):
    """A setting was given that the model does not use."""

    def __init__(self, name: str, value: Any, reason: str) -> None:
        self.name, self.value, self.reason = name, value, reason
        super().__init__(self.said_as(name))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.value, self.reason)

    def said_as(self, name: str) -> str:
        """The message, with another name for the setting."""
        return f"{name} is {self.value!r}, but {self.reason}"


def used_by(name: str) -> list[str]:
    """The posteriors or decoders that use a setting; none are named if all of them do."""
    return [key for known in PARTS.values() for key, part in known.items() if name in part.uses]


def unused(settings: ModelSettings) -> dict[str, str]:
    """The settings of a model that it does not use, each with the part that would have to."""
    found: dict[str, str] = {}
    for part, known in PARTS.items():
        special = {name for other in known.values() for name in other.uses}
        used = set(known[checks.choice(part, getattr(settings, part), known)].uses)
        if settings.refinement:
            used.add("prior")  # θ is refined with it, whatever the posterior's own prior is
        found |= dict.fromkeys(special - used, part)
    return found


def idle(model: ModelSettings, training: TrainingSettings) -> dict[str, str]:
    """The settings that nothing uses in a model and its training, each with the reason."""
    found = {
        name: f"{part} {getattr(model, part)!r} does not use it; it is used by"
        f" {', '.join(used_by(name))}"
        for name, part in sorted(unused(model).items())
    }
    if training.kl_schedule == "constant":
        found["warm_up"] = "kl_schedule 'constant' does not use it; it is used by linear, cyclic"
    if not model.learned_prior:
        found["prior_burn_in"] = "the prior is not trained; it is used with learned_prior=True"
    return found


def without_effect(recipe: Recipe, base: Recipe) -> dict[str, str]:
    """The settings that are not as in `base` and that nothing uses, each with the reason."""
    before, after = base.as_dict(), recipe.as_dict()
    off = {name for name in ("warm_up", "prior_burn_in") if after[name] == 0}
    reasons = idle(recipe.model, recipe.training)
    return {n: why for n, why in reasons.items() if after[n] != before[n] and n not in off}


def check_used(recipe: Recipe, base: Recipe) -> None:
    """Raise UnusedSettingError for the first of the settings `without_effect`, if there is one."""
    for name, reason in without_effect(recipe, base).items():
        raise UnusedSettingError(name, recipe.as_dict()[name], reason)
