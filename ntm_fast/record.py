"""What a fitted model keeps of how it was made; read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ntm_fast.settings import current_names

METADATA, VERSION = "model.json", 1  # of a saved model: its file of settings, and their version
NUMBER = (int, float)
Kind = Any  # a type, a tuple of types, [kind of the elements], or {name: kind}: names it must have


@dataclass(frozen=True)
class Record:
    """How a model was made: the fields of its model.json, values as JSON has them, none None.

    Attributes
    ----------
    recipe : "name" of the recipe; "source", the paper, where the estimator names one; "changed",
        the recipe's values of the settings that were others in this model
    training : `TrainingSettings` in force; a setting that is None, such as patience, is left out
    corpus : of the documents last trained on: "documents", "documents_held_out" (beside them),
        "words", "tokens", "nonzeros" and "digest"; "description" and "origin", how the corpus was
        made, where it says so
    seed : of all random numbers of the last run
    epochs : done in all runs
    began : when the first run began, as in ISO 8601
    seconds : that all runs took
    environment : of the last run: "versions", "device", "device_name", "cpu_level", "threads" and
        "platform"
    runs : of each call of `fit` and `partial_fit`: "call", "began", "seconds", "epochs", "seed",
        "documents", "tokens", "digest", "environment"; for one that took up a checkpoint,
        "resumed_after" so many epochs, which are not among its seconds
    best_epoch : the epoch whose weights were kept, where held-out documents chose it
    """

    recipe: dict[str, Any]
    training: dict[str, Any]
    corpus: dict[str, Any]
    seed: int
    epochs: int
    began: str
    seconds: float
    environment: dict[str, Any]
    runs: list[dict[str, Any]]
    best_epoch: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields as model.json holds them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


_RUN = {
    "call": str,
    "began": str,
    "seconds": NUMBER,
    "epochs": int,
    "seed": int,
    "documents": int,
    "tokens": NUMBER,
    "digest": str,
    "environment": dict,
}
_KINDS: dict[str, Kind] = {
    "recipe": {"name": str, "changed": dict},
    "training": dict,
    "corpus": {
        "documents": int,
        "documents_held_out": int,
        "words": int,
        "tokens": NUMBER,
        "nonzeros": int,
        "digest": str,
    },
    "seed": int,
    "epochs": int,
    "began": str,
    "seconds": NUMBER,
    "environment": {
        "versions": dict,
        "device": str,
        "device_name": str,
        "threads": int,
        "platform": str,
    },
    "runs": [_RUN],
}


def read_record(path: Path, metadata: Mapping[str, Any]) -> Record | None:
    """The record among the fields of model.json, or None where an older release wrote it.

    Raises ValueError naming `path` and the field for values of other kinds.
    """
    if not _KINDS.keys() & metadata.keys():
        return None
    where = f"{path} is damaged"
    values = {name: checked(where, name, metadata.get(name), kind) for name, kind in _KINDS.items()}
    best = metadata.get("best_epoch")
    if best is not None:
        checked(where, "best_epoch", best, int)
    values["training"] = current_names(values["training"])
    recipe = values["recipe"]
    values["recipe"] = {**recipe, "changed": current_names(recipe["changed"])}
    return Record(**values, best_epoch=best)


def checked(where: str, name: str, value: Any, kind: Kind) -> Any:
    """value, or a ValueError that begins with `where` and names the field if of another kind."""
    if isinstance(kind, dict):
        checked(where, name, value, dict)
        for part, wanted in kind.items():
            checked(where, f"{name}.{part}", value.get(part), wanted)
    elif isinstance(kind, list):
        checked(where, name, value, list)
        for at, element in enumerate(value):
            checked(where, f"{name}[{at}]", element, kind[0])
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        shown = repr(value) if len(repr(value)) < 100 else f"{repr(value)[:100]}…"
        raise ValueError(f"{where}: {name} is {shown}; expected {_NAMES[kind]}")
    return value


_NAMES: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    NUMBER: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}
