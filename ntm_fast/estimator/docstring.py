"""The parts of an estimator's docstring that follow from its settings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from ntm_fast.models.unused import unused
from ntm_fast.settings import NONE, Recipe, Setting

_HEADING = "Parameters\n----------\n"
_INTRO = """A setting that is None has the recipe's value. The values are checked in `fit`.
"""
_ATTRIBUTES = """
Attributes
----------
components_ : float32 [K, V], each topic as a distribution over words. For a mixture the topics
    themselves; for a product each topic's own weights, without the background that all topics
    share.
model_ : the trained :class:`ntm_fast.models.TopicModel`
vocabulary_ : tuple of the V words
history_ : list of :class:`ntm_fast.training.Epoch`
n_epochs_, n_features_in_ : int
record_ : :class:`ntm_fast.record.Record`, how the model was made: settings in force, seed,
    documents, versions, machine, time; saved with it, and shown by `ntm-fast info MODEL`
feature_names_in_ : names of the columns, where X had them
recipe : the class's :class:`ntm_fast.training.Recipe`; `chosen_recipe()` has the settings given
    to an estimator too
"""


def described(cls: type, parameters: Mapping[str, Setting], recipe: Recipe) -> str:
    """The docstring of an estimator with its parameters and attributes.

    The docstring of a class that describes its parameters itself stays as it is.
    """
    own = inspect.cleandoc(cls.__doc__ or "")
    if _HEADING in own:
        return own
    values = recipe.as_dict()
    idle = {} if "decoder" in parameters else unused(recipe.model)
    entries = []
    for name, setting in parameters.items():
        note = ""
        if name in idle:
            note = "not used by this model"
        elif name in values:
            of = "default" if name in ("n_topics", "posterior", "decoder") else "recipe"
            note = f"{of}: {(NONE if values[name] is None else values[name])!r}"
        entries.append(setting.described(name, note))
    return "\n".join([own, "", _HEADING + _INTRO, *entries, _ATTRIBUTES])
