"""The whole state of a training run in one safetensors file, written atomically."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

import ntm_fast
from ntm_fast.data import Corpus, Part
from ntm_fast.data.files import path_of
from ntm_fast.data.folders import check_version, known_fields, replacing_file
from ntm_fast.training.optimiser import Adam
from ntm_fast.training.state import Epoch, State

if TYPE_CHECKING:
    from ntm_fast.training.trainer import Trainer

FORMAT = "ntm_fast checkpoint"
VERSION = 1
MAY_CHANGE = ("epochs", "patience", "cuda_graphs")  # settings that a resumed run may have otherwise


def save(trainer: Trainer, path: Path) -> None:
    """Write weights, best weights, optimiser, generator and position to `path`, or nothing.

    Raises OSError where that fails; a checkpoint that was there stays.
    """
    adam = trainer.optimiser
    optimiser = adam.waiting_state() if isinstance(adam, Adam) else adam.state_dict()["state"]
    tensors = {f"model.{name}": value for name, value in trainer.model.state_dict().items()}
    for name, value in (trainer.best_weights or {}).items():
        tensors[f"best.{name}"] = value
    for index, values in optimiser.items():
        for name, value in values.items():
            tensors[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    tensors["generator"] = trainer.generator.get_state()
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "seed": trainer.seed,
        "state": asdict(trainer.state),
        "history": [asdict(epoch) for epoch in trainer.history],
        "model": asdict(trainer.model.settings),
        "training": asdict(trainer.settings),
        "corpus": trainer.documents,
        "environment": environment(trainer.model.device),
    }
    data = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as written:
        try:
            safetensors.torch.save_file(data, written, {"ntm_fast": json.dumps(metadata)})
        except safetensors.SafetensorError as error:  # such as a full disk
            raise OSError(f"cannot save the checkpoint to {path}: {error}") from None


def load(trainer: Trainer, path: Path) -> None:
    """Put the state saved at `path` into `trainer`; see `Trainer.resume`."""
    tensors, metadata = _read(path)
    _check_settings(trainer, metadata, path)
    _warn_of_environment(metadata["environment"], environment(trainer.model.device))
    weights = _part(tensors, "model.")
    try:
        trainer.model.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is of another model or vocabulary: {reason}") from None
    trainer.best_weights = _part(tensors, "best.") or None
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = value
    if isinstance(trainer.optimiser, Adam):
        trainer.optimiser.load_waiting_state(state)
    elif any("done" in values for values in state.values()):
        raise ValueError(f"{path} is of the middle of an epoch on the CPU; expected its device")
    else:
        groups = trainer.optimiser.state_dict()["param_groups"]
        trainer.optimiser.load_state_dict({"state": state, "param_groups": groups})
    trainer.seed = metadata["seed"]
    trainer.generator.set_state(tensors["generator"])
    trainer.state = State(**metadata["state"])
    trainer.history = [Epoch(**epoch) for epoch in metadata["history"]]
    trainer.resumed_from = {"path": path, "corpus": metadata["corpus"]}


def seed_of(path: str | os.PathLike[str]) -> int:
    """The seed of the run saved at `path`; raises as `load` does."""
    return int(_read(path_of(path))[1]["seed"])


def check_corpus(trainer: Trainer, corpus: Corpus | Part) -> None:
    """Raise ValueError if a resumed run is continued on documents other than those it hashed."""
    if trainer.resumed_from is not None and trainer.resumed_from["corpus"] != trainer.documents:
        raise ValueError(
            f"corpus ({corpus!r}) is not the one that {trainer.resumed_from['path']} was made with"
        )


def digest(corpus: Corpus | Part) -> str:
    """Hash of the documents and the vocabulary; a part's is that of a copy of its documents."""
    state = hashlib.blake2b(digest_size=16)
    state.update(np.concatenate([[0], np.cumsum(corpus.document_nonzeros)]).data)
    for name in ("indices", "counts"):
        for block in corpus.blocks():
            state.update(getattr(block, name).data)
    state.update("\n".join(corpus.vocabulary).encode())
    return state.hexdigest()


def environment(device: torch.device) -> dict[str, Any]:
    """What the last bits of a run depend on besides its seed."""
    info = ntm_fast.build_info()
    return {
        "device": device.type,
        "threads": torch.get_num_threads(),
        "cpu_level": info.cpu_level,
        "torch": torch.__version__,
        "ntm_fast": ntm_fast.__version__,
    }


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: no checkpoint to resume from")
    try:
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get("ntm_fast")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is damaged or not a checkpoint: {error}") from None
    metadata = json.loads(text) if text else {}
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is not a checkpoint of ntm_fast")
    check_version(path, metadata.get("version"), VERSION)
    return tensors, metadata


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _check_settings(trainer: Trainer, metadata: dict[str, Any], path: Path) -> None:
    for kind, settings in (("model", trainer.model.settings), ("training", trainer.settings)):
        saved = known_fields(path, metadata[kind], {field.name for field in fields(settings)})
        for field in fields(settings):
            now = getattr(settings, field.name)
            was = saved.get(field.name, field.default)
            was = tuple(was) if isinstance(was, list) else was
            if was != now and field.name not in MAY_CHANGE:
                raise ValueError(f"{field.name} is {now!r}; expected {was!r}, as in {path}")


def _warn_of_environment(saved: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [
        f"{name} {saved.get(name)} → {now[name]}" for name in now if saved.get(name) != now[name]
    ]
    if changed:
        warnings.warn(
            f"the run continues, but not bit for bit as it would have: {', '.join(changed)}",
            stacklevel=4,
        )
