"""Estimators on disk: a saved model whose model.json holds the parameters too."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ntm_fast.data import Origin
from ntm_fast.data.folders import known_fields
from ntm_fast.data.storage import is_numbered
from ntm_fast.models.backend import choose_device
from ntm_fast.models.storage import METADATA, load_model, save_model
from ntm_fast.models.storage import free_place as free_place
from ntm_fast.training import Epoch

if TYPE_CHECKING:
    from ntm_fast.estimator.base import TopicEstimator

_NEEDED = {"estimator": str, "parameters": dict, "named_columns": bool, "history": list}


def save(estimator: TopicEstimator, folder: str | os.PathLike[str], *, overwrite: bool) -> None:
    """See `TopicEstimator.save`."""
    parameters = estimator.get_params()
    parameters.pop("embeddings", None)  # they are among the tensors
    extra = {
        "estimator": type(estimator).__name__,
        "parameters": _plain(parameters),
        "numbered_words": estimator.numbered_words_,
        **({} if estimator.origin_ is None else {"origin": estimator.origin_.as_dict()}),
        "named_columns": hasattr(estimator, "feature_names_in_"),
        "history": [asdict(epoch) for epoch in estimator.history_],
    }
    save_model(estimator.model_, folder, estimator.vocabulary_, extra=extra, overwrite=overwrite)


def load(cls: type[TopicEstimator], folder: str | os.PathLike[str]) -> TopicEstimator:
    """See `TopicEstimator.load`."""
    model, vocabulary, metadata = load_model(folder, ops=cls._ops)
    path = Path(folder, METADATA)
    for name, kind in _NEEDED.items():
        if not isinstance(metadata.get(name), kind):
            raise ValueError(f"{path} is damaged: {name} is {metadata.get(name)!r}")
    found = _class_of(cls, metadata["estimator"], folder)
    parameters = known_fields(path, dict(metadata["parameters"]), set(found().get_params()))
    if parameters.get("hidden") is not None:
        parameters["hidden"] = tuple(parameters["hidden"])
    loaded = found(**parameters)
    if "embeddings" in loaded.get_params() and not model.settings.learned_embeddings:
        words = model.decoder.get_parameter("embeddings.words")
        loaded.set_params(embeddings=words.detach().numpy().copy())
    loaded.model_ = model.to(choose_device(loaded.device))
    loaded.vocabulary_ = vocabulary
    loaded.numbered_words_ = bool(metadata.get("numbered_words", is_numbered(vocabulary)))
    try:
        kept = metadata.get("origin")
        loaded.origin_ = None if kept is None else Origin.from_dict(kept)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    loaded.n_features_in_ = len(vocabulary)
    if metadata["named_columns"]:
        loaded.feature_names_in_ = np.asarray(vocabulary, dtype=object)
    loaded.history_ = [Epoch(**epoch) for epoch in metadata["history"]]
    loaded.n_epochs_ = len(loaded.history_)
    loaded.read_topics()
    return loaded


def _class_of(
    cls: type[TopicEstimator], name: str, folder: str | os.PathLike[str]
) -> type[TopicEstimator]:
    from ntm_fast.estimator import named

    if name == cls.__name__:
        return cls
    saved = getattr(named, name, None)
    if saved is not None and (cls is named.NeuralTopicModel or issubclass(saved, cls)):
        return saved  # type: ignore[no-any-return]
    raise ValueError(f"{folder} holds a {name}; expected a {cls.__name__}")


def _plain(value: Any) -> Any:
    """A parameter as JSON can hold it."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Path | torch.device):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.random.RandomState):
        return None
    return value
