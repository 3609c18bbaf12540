"""The whole state of a training run in one safetensors file, written atomically."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ntm_fast._build_info import build_info
from ntm_fast._version import __version__
from ntm_fast.data import Corpus, Subset
from ntm_fast.files import known_fields, path_of, replacing_file
from ntm_fast.training import saved_run
from ntm_fast.training.optimiser import Adam, check_state
from ntm_fast.training.saved_run import FORMAT, VERSION, SavedRun

if TYPE_CHECKING:
    from ntm_fast.training.trainer import Trainer

MAY_CHANGE = ("epochs", "patience", "cuda_graphs")  # settings that a resumed run may have otherwise


class MismatchError(ValueError):
    """A run is resumed with another value of `name` than it was begun with."""

    def __init__(self, name: str, found: Any, expected: Any, path: Path) -> None:
        self.name, self.found, self.expected, self.path = name, found, expected, path
        super().__init__(self.said_as(name))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.found, self.expected, self.path)

    def said_as(self, name: str) -> str:
        """The message, with another name for what differs."""
        if self.expected is None and self.name == "random_state":  # an old checkpoint's
            return f"{name} is {self.found!r}; expected the one that {self.path} was begun with"
        return f"{name} is {self.found!r}; expected {self.expected!r}, as in {self.path}"


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
        "n_words": trainer.model.n_words,
        **trainer.facts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, metadata, {n: value.detach().cpu().contiguous() for n, value in tensors.items()})


def mark_diverged(path: Path, message: str) -> None:
    """Note in the checkpoint at `path` that the run went on from there to a loss not finite."""
    metadata, tensors = saved_run.read_parts(path)
    _write(path, {**metadata, "diverged": message}, tensors)


def load(trainer: Trainer, path: Path, corpus: Corpus | Subset | None = None) -> None:
    """Put the state saved at `path` into `trainer`, or raise and leave it; see `Trainer.resume`."""
    saved = saved_run.read(path)
    if corpus is None:
        _check_settings(trainer, saved)
    else:
        # With other documents the size of a batch may differ by itself: they are told first.
        _check_settings(trainer, saved, but="batch_size")
        check_corpus(saved, corpus, trainer.hash_of(corpus), trainer.facts.get("n_documents"))
        _check_settings(trainer, saved)
    if saved.diverged is not None and trainer.settings.epochs > saved.state.epoch:
        raise ValueError(
            f"epochs is {trainer.settings.epochs}, but the run in {path} diverged after epoch"
            f" {saved.state.epoch} ({saved.diverged}); expected epochs={saved.state.epoch}, which"
            " gives the model as it was then, or a new run with a lower learning_rate"
        )
    own = trainer.model.state_dict()
    saved_run.same_tensors(path, "model.", saved.weights, own)
    if saved.best:
        saved_run.same_tensors(path, "best.", saved.best, own)
    saved_run.check_generator(path, saved.generator)
    groups = trainer.optimiser.param_groups
    with saved_run.damaged(path):
        check_state([p for group in groups for p in group["params"]], saved.optimiser)
    ours = isinstance(trainer.optimiser, Adam)
    if not ours and any("done" in values for values in saved.optimiser.values()):
        raise ValueError(f"{path} is of the middle of an epoch on the CPU; expected its device")

    # From here on nothing can fail.
    _warn_of_environment(saved.environment, environment(trainer.model.device))
    trainer.model.load_state_dict(saved.weights)
    trainer.best_weights = saved.best or None
    if isinstance(trainer.optimiser, Adam):
        trainer.optimiser.load_waiting_state(saved.optimiser)
    else:
        options = trainer.optimiser.state_dict()["param_groups"]
        trainer.optimiser.load_state_dict({"state": saved.optimiser, "param_groups": options})
    trainer.seed = saved.seed
    trainer.generator.set_state(saved.generator)
    trainer.state, trainer.history = saved.state, saved.history
    trainer.resumed_from = replace(saved, weights={}, best={}, optimiser={})  # taken up by now


def seed_of(path: str | os.PathLike[str], random_state: int | None, seed: int | None) -> int:
    """The seed of the run saved at `path`; raises as `load` does.

    MismatchError where `seed`, which `random_state` comes to, is another.
    """
    file = path_of(path)
    facts = saved_run.read_facts(file)
    if seed is not None and seed != facts["seed"]:
        raise MismatchError("random_state", random_state, facts["random_state"], file)
    return int(facts["seed"])


def random_state_of(path: Path) -> int | None:
    """The `random_state` that the run saved at `path` was begun with, where it is known."""
    found: int | None = saved_run.read_facts(path)["random_state"]
    return found


def check_replaceable(path: Path) -> None:
    """Raise FileExistsError if there is something at `path` that is no checkpoint of ours."""
    if not path.exists() and not path.is_symlink():
        return
    try:
        saved_run.read_parts(path, with_tensors=False)
    except (ValueError, OSError) as error:
        raise FileExistsError(
            f"{path} exists and is no checkpoint of ntm_fast, so it is not replaced ({error})"
        ) from None


def check_corpus(
    saved: SavedRun, corpus: Corpus | Subset, its_digest: str, n_documents: int | None = None
) -> None:
    """Raise ValueError if a resumed run is continued on documents other than those it hashed."""
    if saved.corpus == its_digest:
        return
    now = (len(corpus) if n_documents is None else n_documents, corpus.n_words)
    was = (saved.n_documents, saved.n_words)
    told = f"{now[0]} documents of {now[1]} words"
    if now == was:
        told += ", of which some are others"
    elif None not in was:  # as in old checkpoints
        told = f"{was[0]} documents of {was[1]} words expected, found {told}"
    raise ValueError(f"the documents are others than those {saved.path} was made with: {told}")


def digest(corpus: Corpus | Subset) -> str:
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
    info = build_info()
    return {
        "device": device.type,
        "threads": torch.get_num_threads(),
        "cpu_level": info.cpu_level,
        "torch": torch.__version__,
        "ntm_fast": __version__,
    }


def _write(path: Path, metadata: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    text = json.dumps(metadata)
    header = {"ntm_fast": text, "digest": saved_run.digest(text, tensors)}
    with replacing_file(path) as written:
        try:
            safetensors.torch.save_file(tensors, written, header)
        except safetensors.SafetensorError as error:  # such as a full disk
            raise OSError(f"cannot save the checkpoint to {path}: {error}") from None


def _check_settings(trainer: Trainer, saved: SavedRun, but: str = "") -> None:
    """Raise MismatchError at a setting that is not the run's, of the model first."""
    for old, settings in (
        (saved.model, trainer.model.settings),
        (saved.training, trainer.settings),
    ):
        known_fields(saved.path, old, {field.name for field in fields(settings)})
        for field in fields(settings):
            now = getattr(settings, field.name)
            was = old.get(field.name, field.default)
            was = tuple(was) if isinstance(was, list) else was
            if was == now or field.name in (*MAY_CHANGE, but):
                continue
            kind = trainer.facts.get("estimator")
            if kind is not None and saved.estimator not in (None, kind):
                raise MismatchError("estimator", kind, saved.estimator, saved.path)
            raise MismatchError(field.name, now, was, saved.path)


def _warn_of_environment(saved: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [
        f"{name} {saved.get(name)} → {now[name]}" for name in now if saved.get(name) != now[name]
    ]
    if changed:
        warnings.warn(
            f"the run continues, but not bit for bit as it would have: {', '.join(changed)}",
            stacklevel=4,
        )
