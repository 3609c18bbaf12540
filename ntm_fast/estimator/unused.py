"""Which settings a model does not use, and which models do."""

from __future__ import annotations

from typing import Any

from ntm_fast.models.decoders import DECODERS
from ntm_fast.models.posteriors import POSTERIORS
from ntm_fast.settings import ModelSettings, Recipe

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
        used = set(known[getattr(settings, part)].uses)
        if settings.refinement:
            used.add("prior")  # θ is refined with it, whatever the posterior's own prior is
        found |= dict.fromkeys(special - used, part)
    return found


def check_used(recipe: Recipe, base: Recipe) -> None:
    """Raise UnusedSettingError at a setting that is not as in `base` and that nothing uses."""
    model, training, before = recipe.model, recipe.training, base.as_dict()
    after = recipe.as_dict()
    changed = {name: value for name, value in after.items() if value != before[name]}
    for name, part in sorted(unused(model).items()):
        if name in changed:
            raise UnusedSettingError(
                name,
                changed[name],
                f"{part} {getattr(model, part)!r} does not use it; it is used by"
                f" {', '.join(used_by(name))}",
            )
    if changed.get("warm_up") and training.kl_schedule == "constant":
        raise UnusedSettingError(
            "warm_up",
            training.warm_up,
            "kl_schedule 'constant' does not use it; it is used by linear, cyclic",
        )
    if changed.get("prior_burn_in") and not model.learned_prior:
        raise UnusedSettingError(
            "prior_burn_in",
            training.prior_burn_in,
            "the prior is not trained; it is used with learned_prior=True",
        )
