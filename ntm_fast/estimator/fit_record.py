"""Writes down how an estimator was fitted, as the record that is saved with it."""

from __future__ import annotations

import functools
import inspect
import platform
import re
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
import torch

from ntm_fast._build_info import build_info
from ntm_fast._version import __version__
from ntm_fast.data import Corpus, Subset
from ntm_fast.models import ModelSettings, TopicModel
from ntm_fast.models.saved_model import settings_in_force
from ntm_fast.record import Record
from ntm_fast.settings import NONE, Recipe
from ntm_fast.training import Trainer


class NamedRecipe(NamedTuple):
    """The recipe that an estimator's settings depart from."""

    name: str
    recipe: Recipe
    source: str | None  # the paper that the estimator's docstring names
    ops: Any = None  # the module that computes


@dataclass
class FitRecorder:
    """Notes a call of `fit` or `partial_fit` from its start; it continues the record `earlier`."""

    call: str
    earlier: Record | None = None

    def __post_init__(self) -> None:
        self._began = datetime.now().astimezone().isoformat(timespec="seconds")
        self._start = time.perf_counter()

    def begin(
        self, trainer: Trainer, train: Corpus | Subset, held_out: Subset | None = None
    ) -> None:
        """Note the documents, and the epochs that are done already."""
        self._train, self._held_out = train, held_out
        self._epochs_before = trainer.state.epoch

    def record(self, trainer: Trainer, base: NamedRecipe) -> Record:
        """What was done, now that it is done."""
        seconds = time.perf_counter() - self._start
        train, held_out, earlier = self._train, self._held_out, self.earlier
        documents: dict[str, Any] = {
            "documents": len(train),
            "documents_held_out": 0 if held_out is None else len(held_out),
            "words": train.n_words,
            "tokens": _tokens(train),
            "nonzeros": train.n_nonzeros,
            "digest": trainer.run.hash_of(train),  # made once, if a checkpoint needs it too
        }
        documents |= _origin(train, earlier)
        run: dict[str, Any] = {
            "call": self.call,
            "began": self._began,
            "seconds": round(seconds, 3),
            "epochs": trainer.state.epoch - self._epochs_before,
            "seed": trainer.run.seed,
            **{name: documents[name] for name in ("documents", "tokens", "digest")},
            "environment": environment(trainer.model.device),
        }
        if trainer.run.resumed_from is not None:
            run["resumed_after"] = self._epochs_before
        runs = _with_run([] if earlier is None else earlier.runs, run)
        best = None if trainer.run.best_weights is None else trainer.state.best_epoch
        return Record(
            recipe=_recipe(base, trainer, held_out is not None),
            training=training_in_force(trainer, held_out is not None),
            corpus=documents,
            seed=trainer.run.seed,
            epochs=trainer.state.epoch,
            began=runs[0]["began"],
            seconds=round(sum(run["seconds"] for run in runs), 3),
            environment=run["environment"],
            runs=runs,
            best_epoch=best,
        )


def _origin(train: Corpus | Subset, earlier: Record | None) -> dict[str, Any]:
    """How the model's words were made, which a later `partial_fit` does not change."""
    if earlier is not None and "origin" in earlier.corpus:
        kept = earlier.corpus
        return {name: kept[name] for name in ("description", "origin") if name in kept}
    origin = train.origin
    if origin is None:
        return {}
    return {"description": origin.describe(), "origin": plain(origin.as_dict())}


def _with_run(runs: list[dict[str, Any]], run: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs and one more; passes over the same documents in the same way are one run."""
    counted = ("began", "seconds", "epochs")
    if runs and run["call"] == "partial_fit":
        last = runs[-1]
        if all(last.get(name) == value for name, value in run.items() if name not in counted):
            more = {name: round(last[name] + run[name], 3) for name in counted[1:]}
            return [*runs[:-1], {**last, **more}]
    return [*runs, run]


def _tokens(documents: Corpus | Subset) -> float:
    if isinstance(documents, Corpus):
        return documents.n_tokens
    return float(documents.corpus.document_lengths[documents.rows].sum())


def training_in_force(trainer: Trainer, validated: bool) -> dict[str, Any]:
    """The settings of a run as they took effect, without None: such a setting is left out."""
    settings = asdict(trainer.settings)
    if not validated:  # there was nothing to hold out, or it was not asked for
        settings["validation_fraction"] = 0.0
        del settings["patience"]
    return {name: plain(value) for name, value in settings.items() if value is not None}


def _recipe(base: NamedRecipe, trainer: Trainer, validated: bool) -> dict[str, Any]:
    """The recipe's name, its paper, and its values of the settings that differ in this run."""
    found: dict[str, Any] = {"name": base.name}
    if base.source is not None:
        found["source"] = base.source
    ours = {**settings_in_force(trainer.model), **training_in_force(trainer, validated)}
    theirs = {**in_force(base.recipe.model, base.ops), **asdict(base.recipe.training)}
    unused = {"n_topics"} if validated else {"n_topics", "patience"}
    found["changed"] = {
        name: NONE if theirs.get(name) is None else plain(theirs[name])
        for name in {**theirs, **ours}
        if name not in unused and plain(theirs.get(name)) != plain(ours.get(name))
    }
    return found


@functools.lru_cache(64)  # milliseconds, which many a small batch takes
def in_force(settings: ModelSettings, ops: Any = None) -> dict[str, Any]:
    """A recipe's settings as they take effect in a model."""
    with torch.device("meta"):  # nothing is made or drawn
        return settings_in_force(TopicModel(1, settings, ops=ops))


def source_of(cls: type) -> str | None:
    """The paper that the docstring of an estimator names, if it names one."""
    found = re.search(
        r"^Source: (.+?)(?:\n\n|\Z)", inspect.cleandoc(cls.__doc__ or ""), re.M | re.S
    )
    return " ".join(found[1].split()).removesuffix(".") if found else None


def environment(device: torch.device) -> dict[str, Any]:
    """Machine and versions, as far as they are known."""
    info = _build()
    known = {
        "versions": dict(_versions()),
        "device": device.type,
        "device_name": info.cpu,
        "cpu_level": info.cpu_level,
        "threads": torch.get_num_threads(),
        "platform": info.platform,
    }
    if device.type == "cuda":
        known["device_name"] = torch.cuda.get_device_name(device)
    return {name: value for name, value in known.items() if value is not None}


_build = functools.cache(build_info)  # milliseconds too


@functools.cache
def _versions() -> dict[str, str]:
    found = {
        "ntm_fast": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }
    for name in ("numpy", "scipy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # installed without metadata
            continue
    return found


def plain(value: Any) -> Any:
    """A value as JSON can hold it, and as it is when it has been read again."""
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value
