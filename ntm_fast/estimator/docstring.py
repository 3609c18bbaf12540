"""The parts of an estimator's docstring that follow from its settings."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping

from ntm_fast.estimator.unused import unused
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
recipe : the model's :class:`ntm_fast.training.Recipe`
"""


def described(cls: type, parameters: Mapping[str, Setting], recipe: Recipe) -> str:
    """The docstring of an estimator with its parameters and attributes.

    Of a class that describes its parameters itself it stays as it is.
    """
    own = inspect.cleandoc(cls.__doc__ or "")
    if _HEADING in own:
        return own
    values = recipe.as_dict()
    kinds = {name: setting.full_type for name, setting in parameters.items()}
    for name in values.keys() & kinds.keys():
        if "decoder" not in parameters and name in unused(recipe.model):
            kinds[name] += ", not used by this model"
        else:
            of = "default" if getattr(cls, name) is not None else "recipe"
            kinds[name] += f", {of}: {NONE if values[name] is None else repr(values[name])}"
    entries = [
        f"{name} : {kinds[name]}\n{_indented(setting.meaning)}"
        for name, setting in parameters.items()
    ]
    return "\n".join([own, "", _HEADING + _INTRO, *entries, _ATTRIBUTES])


def _indented(text: str) -> str:
    return textwrap.fill(text, 92, initial_indent="    ", subsequent_indent="    ")
