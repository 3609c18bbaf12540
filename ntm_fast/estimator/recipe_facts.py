"""A named model's settings as a table: what `ntm-fast settings NAME` prints."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

from ntm_fast.estimator import named
from ntm_fast.estimator.fit_record import in_force, plain, source_of
from ntm_fast.models.unused import unused
from ntm_fast.recipes import RECIPES
from ntm_fast.settings import NONE, SETTINGS


def recipe_facts(name: str) -> dict[str, Any]:
    """A named model, its source, and each setting with value, type, meaning, and whether it's used.

    Settings are under "settings" (of the model) and "training".
    """
    recipe, cls = RECIPES[name], vars(named)[name]
    doc = inspect.cleandoc(cls.__doc__ or "")
    facts: dict[str, Any] = {"model": name, "summary": " ".join(doc.split("\n\n")[0].split())}
    if (source := source_of(cls)) is not None:
        facts["source"] = source
    values, idle = recipe.as_dict() | in_force(recipe.model), unused(recipe.model)
    for part, settings in (("settings", recipe.model), ("training", recipe.training)):
        facts[part] = {}
        for setting in fields(settings):
            known, value = SETTINGS[setting.name], values[setting.name]
            facts[part][setting.name] = {
                "value": NONE if value is None else plain(value),
                "type": known.full_type,
                "meaning": known.meaning,
                "used": setting.name not in idle,
            }
    return facts
