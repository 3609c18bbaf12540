"""An estimator on disk: a saved model whose model.json holds parameters and record too."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ntm_fast.data import Origin
from ntm_fast.data.saved_corpus import is_numbered
from ntm_fast.estimator.fit_record import plain
from ntm_fast.files import known_fields, path_of
from ntm_fast.models import TopicModel
from ntm_fast.models.saved_model import free_place as free_place
from ntm_fast.models.saved_model import load_model, save_model
from ntm_fast.record import METADATA, NUMBER, Record, checked, read_record
from ntm_fast.settings import NONE, Setting, current_names
from ntm_fast.training import Epoch

_NEEDED = {"estimator": str, "parameters": dict, "named_columns": bool, "history": [dict]}
# These belong to the machine and the session, not to the model. A folder from elsewhere could
# otherwise name a file of the user's for a checkpoint to overwrite.
_NOT_SAVED = ("checkpoint", "device", "verbose")
_EPOCH = {
    "epoch": int,
    "elbo": NUMBER,
    "log_likelihood": NUMBER,
    "kl": NUMBER,
    "kl_weight": NUMBER,
    "documents_per_second": NUMBER,
}


@dataclass
class SavedEstimator:
    """What model.json holds of an estimator besides its model."""

    estimator: str
    parameters: dict[str, Any]
    numbered_words: bool
    named_columns: bool
    history: list[Epoch]
    record: Record | None
    origin: Origin | None = None  # of the corpus, which the record says too
    path: Path = field(default=Path(METADATA))

    def save(
        self,
        model: TopicModel,
        folder: str | os.PathLike[str],
        vocabulary: Sequence[str],
        kinds: Mapping[str, Setting],
        *,
        overwrite: bool,
    ) -> None:
        """Write model and estimator, whose parameters are of these kinds, to a folder."""
        kept = {
            name: plain(value)
            for name, value in self.parameters.items()
            if name not in ("embeddings", *_NOT_SAVED)  # embeddings are among the tensors
            and not isinstance(value, np.random.RandomState)
        }
        _check_parameters("the model cannot be saved", kept, kinds)
        extra = {
            "estimator": self.estimator,
            "parameters": _without_none(kept),
            "numbered_words": self.numbered_words,
            "named_columns": self.named_columns,
            "history": [_without_none(asdict(epoch)) for epoch in self.history],
            **({} if self.record is None else self.record.as_dict()),
        }
        save_model(model, folder, vocabulary, extra=extra, overwrite=overwrite)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, ops: Any = None
    ) -> tuple[TopicModel, tuple[str, ...], SavedEstimator]:
        """(model, vocabulary, estimator) of a folder; see `TopicEstimator.load`."""
        root = path_of(folder)
        model, vocabulary, metadata = load_model(root, ops=ops)
        path = root / METADATA
        where = f"{path} is damaged"
        for name, kind in _NEEDED.items():
            checked(where, name, metadata.get(name), kind)
        record = read_record(path, metadata)
        try:
            origin = None if record is None else record.corpus.get("origin")
            made = None if origin is None else Origin.from_dict(origin)
        except ValueError as error:
            raise ValueError(f"{where}: corpus: {error}") from None
        return (
            model,
            vocabulary,
            cls(
                estimator=metadata["estimator"],
                parameters=metadata["parameters"],
                numbered_words=bool(metadata.get("numbered_words", is_numbered(vocabulary))),
                named_columns=metadata["named_columns"],
                history=[_epoch(path, at, row) for at, row in enumerate(metadata["history"])],
                record=record,
                origin=made,
                path=path,
            ),
        )

    def parameters_for(self, kinds: Mapping[str, Setting]) -> dict[str, Any]:
        """The parameters that an estimator with such keywords is made with; ValueError if none."""
        where = f"{self.path} is damaged"
        options = self.parameters.get("options")
        if options is not None:
            checked(where, "parameters.options", options, dict)
        values = _current_parameters(self.parameters)
        for name in sorted({"posterior", "decoder"} & values.keys() - kinds.keys()):
            warnings.warn(
                f"{self.path}: {self.estimator} no longer takes {name}: the model keeps its own,"
                " but fit would train another",
                stacklevel=4,
            )
            del values[name]
        known_fields(self.path, values, set(kinds))
        given = {n: v for n, v in _without_none(values).items() if n not in _NOT_SAVED}
        return _check_parameters(where, given, kinds)


def _current_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """An estimator's parameters as this release has them; older ones had `options`."""
    options = values.get("options") or {}
    now = {name: value for name, value in values.items() if name != "options"}
    now |= {name: NONE if value is None else value for name, value in options.items()}
    return current_names(now)


def _check_parameters(
    where: str, values: dict[str, Any], kinds: Mapping[str, Setting]
) -> dict[str, Any]:
    """The parameters, normalised; ValueError for one that its keyword does not take."""
    found = {}
    for name, value in values.items():
        kind = kinds[name]
        try:
            if value is None or (kind.none and value == NONE):
                found[name] = value
            else:
                found[name] = kind.check(f"parameters.{name}", value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}") from None
    return found


def _epoch(path: Path, at: int, values: dict[str, Any]) -> Epoch:
    known_fields(path, values, {field.name for field in fields(Epoch)})
    where = f"{path} is damaged"
    checked(where, f"history[{at}]", values, _EPOCH)
    score = values.get("validation_elbo")
    if score is not None:
        checked(where, f"history[{at}].validation_elbo", score, NUMBER)
    return Epoch(**{**values, "validation_elbo": score})


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
