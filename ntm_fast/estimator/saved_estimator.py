"""Estimators on disk: a saved model whose model.json holds parameters and record too."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntm_fast.data import Origin
from ntm_fast.data.saved_corpus import is_numbered
from ntm_fast.estimator.fit_record import plain
from ntm_fast.files import known_fields, path_of
from ntm_fast.models.backend import choose_device
from ntm_fast.models.saved_model import free_place as free_place
from ntm_fast.models.saved_model import load_model, save_model
from ntm_fast.record import METADATA, NUMBER, checked, read_record
from ntm_fast.training import Epoch

if TYPE_CHECKING:
    from ntm_fast.estimator.topic_estimator import TopicEstimator

_NEEDED = {"estimator": str, "parameters": dict, "named_columns": bool, "history": [dict]}
# Of the machine and the session in which a model is used, not of the model: a folder that came
# from elsewhere could name a file here to write a checkpoint over.
_NOT_SAVED = ("checkpoint", "device", "verbose")
_PARAMETERS = {
    "n_topics": int,
    "posterior": str,
    "decoder": str,
    "prior": NUMBER,
    "hidden": [int],
    "epochs": int,
    "batch_size": int,
    "learning_rate": NUMBER,
    "validation": NUMBER,
    "patience": int,
    "options": dict,
    "random_state": int,
}
_EPOCH = {
    "epoch": int,
    "elbo": NUMBER,
    "log_likelihood": NUMBER,
    "kl": NUMBER,
    "kl_weight": NUMBER,
    "documents_per_second": NUMBER,
}


def save(estimator: TopicEstimator, folder: str | os.PathLike[str], *, overwrite: bool) -> None:
    """See `TopicEstimator.save`."""
    kept = {
        name: plain(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in ("embeddings", *_NOT_SAVED)  # embeddings are among the tensors
        and not isinstance(value, np.random.RandomState)
    }
    parameters = _checked_parameters("the model cannot be saved", kept)
    record = getattr(estimator, "record_", None)
    extra = {
        "estimator": type(estimator).__name__,
        "parameters": parameters,
        "numbered_words": estimator.numbered_words_,
        "named_columns": hasattr(estimator, "feature_names_in_"),
        "history": [_without_none(asdict(epoch)) for epoch in estimator.history_],
        **({} if record is None else record.as_dict()),
    }
    save_model(estimator.model_, folder, estimator.vocabulary_, extra=extra, overwrite=overwrite)


def load(cls: type[TopicEstimator], folder: str | os.PathLike[str]) -> TopicEstimator:
    """See `TopicEstimator.load`."""
    root = path_of(folder)
    model, vocabulary, metadata = load_model(root, ops=cls._ops)
    path = root / METADATA
    where = f"{path} is damaged"
    for name, kind in _NEEDED.items():
        checked(where, name, metadata.get(name), kind)
    found = _class_of(cls, metadata["estimator"], path)
    given = known_fields(path, metadata["parameters"], set(found().get_params()))
    parameters = _checked_parameters(where, {n: given[n] for n in given.keys() - {*_NOT_SAVED}})
    if "hidden" in parameters:
        parameters["hidden"] = tuple(parameters["hidden"])
    record = read_record(path, metadata)
    history = [_epoch(path, at, values) for at, values in enumerate(metadata["history"])]
    loaded = found(**parameters)
    if "embeddings" in loaded.get_params() and not model.settings.learned_embeddings:
        words = model.decoder.get_parameter("embeddings.words")
        loaded.set_params(embeddings=words.detach().numpy().copy())
    loaded.model_ = model.to(choose_device(loaded.device))
    loaded.vocabulary_ = vocabulary
    loaded.numbered_words_ = bool(metadata.get("numbered_words", is_numbered(vocabulary)))
    try:
        kept = None if record is None else record.corpus.get("origin")
        loaded.origin_ = None if kept is None else Origin.from_dict(kept)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: corpus: {error}") from None
    loaded.n_features_in_ = len(vocabulary)
    if metadata["named_columns"]:
        loaded.feature_names_in_ = np.asarray(vocabulary, dtype=object)
    loaded.history_ = history
    loaded.n_epochs_ = len(loaded.history_)
    if record is not None:
        loaded.record_ = record
    loaded.read_topics()
    return loaded


def _class_of(cls: type[TopicEstimator], name: str, path: Path) -> type[TopicEstimator]:
    """The estimator of that name, one of ours or `cls` itself: never what else has a name."""
    from ntm_fast.estimator import named, topic_estimator

    ours = {
        name: kind
        for name, kind in vars(named).items()
        if isinstance(kind, type)
        and issubclass(kind, topic_estimator.TopicEstimator)
        and name[0] != "_"
    }
    del ours["TopicEstimator"]
    if name == cls.__name__:
        return cls
    saved = ours.get(name)
    if saved is None:
        raise ValueError(
            f"{path} names the estimator {name[:100]!r}, which this release does not know; expected"
            f" {', '.join(sorted(ours))}"
        )
    if cls is named.NeuralTopicModel or issubclass(saved, cls):
        return saved
    raise ValueError(f"{path.parent} holds a {name}; expected a {cls.__name__}")


def _checked_parameters(where: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters without those that are None; ValueError for one of another type."""
    given = _without_none(values)
    for name, value in given.items():
        if name in _PARAMETERS:
            checked(where, f"parameters.{name}", value, _PARAMETERS[name])
    return given


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
