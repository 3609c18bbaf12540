"""The whole state of a training run in one safetensors file, written atomically."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ntm_fast._build_info import build_info
from ntm_fast._version import __version__
from ntm_fast.data import Corpus, Subset
from ntm_fast.files import known_fields, path_of, replacing_file
from ntm_fast.models.unused import idle
from ntm_fast.optim import Adam, check_state
from ntm_fast.training import saved_run
from ntm_fast.training.saved_run import FORMAT, VERSION, SavedRun
from ntm_fast.training.state import ResumedFrom, Run

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


def save(run: Run, path: Path) -> None:
    """Write weights, best weights, optimiser, generator and position to `path`, or nothing.

    Raises OSError if that fails; an existing checkpoint then stays.
    """
    adam = run.optimiser
    optimiser = adam.waiting_state() if isinstance(adam, Adam) else adam.state_dict()["state"]
    tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    for name, value in (run.best_weights or {}).items():
        tensors[f"best.{name}"] = value
    for index, values in optimiser.items():
        for name, value in values.items():
            tensors[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    tensors["generator"] = run.generator.get_state()
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "seed": run.seed,
        "state": asdict(run.state),
        "history": [asdict(epoch) for epoch in run.history],
        "model": asdict(run.model.settings),
        "training": asdict(run.settings),
        "corpus": "" if run.corpus is None else run.hash_of(run.corpus),
        "environment": environment(run.model.device),
        "n_words": run.model.n_words,
        **run.facts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, metadata, {n: value.detach().cpu().contiguous() for n, value in tensors.items()})


def mark_diverged(path: Path, message: str) -> None:
    """Note in the checkpoint at `path` that the run diverged after it."""
    metadata, tensors = saved_run.read_parts(path)
    _write(path, {**metadata, "diverged": message}, tensors)


def load(run: Run, path: Path, corpus: Corpus | Subset | None = None) -> None:
    """Put the state saved at `path` into `run`, or raise and leave it; see `Trainer.resume`."""
    saved = saved_run.read(path)
    if corpus is None:
        _check_settings(run, saved)
    else:
        # Other documents may change the size of a batch: the error is about the documents.
        _check_settings(run, saved, but="batch_size")
        check_corpus(saved.origin, corpus, run.hash_of(corpus), run.facts.get("n_documents"))
        _check_settings(run, saved)
    if saved.diverged is not None and run.settings.epochs > saved.state.epoch:
        raise ValueError(
            f"epochs is {run.settings.epochs}, but the run in {path} diverged after epoch"
            f" {saved.state.epoch} ({saved.diverged}); expected epochs={saved.state.epoch}, which"
            " gives the model as it was then, or a new run with a lower learning_rate"
        )
    own = run.model.state_dict()
    saved_run.same_tensors(path, "model.", saved.weights, own)
    if saved.best:
        saved_run.same_tensors(path, "best.", saved.best, own)
    saved_run.check_generator(path, saved.generator)
    groups = run.optimiser.param_groups
    with saved_run.damaged(path):
        check_state([p for group in groups for p in group["params"]], saved.optimiser)
    ours = isinstance(run.optimiser, Adam)
    if not ours and any("done" in values for values in saved.optimiser.values()):
        raise ValueError(f"{path} is of the middle of an epoch on the CPU; expected its device")

    # From here on nothing can fail.
    _warn_of_environment(saved.environment, environment(run.model.device))
    run.model.load_state_dict(saved.weights)
    run.best_weights = saved.best or None
    if isinstance(run.optimiser, Adam):
        run.optimiser.load_waiting_state(saved.optimiser)
    else:
        options = run.optimiser.state_dict()["param_groups"]
        run.optimiser.load_state_dict({"state": saved.optimiser, "param_groups": options})
    run.seed = saved.seed
    run.generator.set_state(saved.generator)
    run.state, run.history = saved.state, saved.history
    run.resumed_from = saved.origin


def seed_of(path: str | os.PathLike[str], random_state: int | None, seed: int | None) -> int:
    """The seed of the run saved at `path`; raises as `load` does.

    MismatchError if `seed`, which `random_state` gives, is another.
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
    """Raise FileExistsError for anything at `path` that is no checkpoint of ours."""
    if not path.exists() and not path.is_symlink():
        return
    try:
        saved_run.read_parts(path, with_tensors=False)
    except (ValueError, OSError) as error:
        raise FileExistsError(
            f"{path} exists and is no checkpoint of ntm_fast, so it is not replaced ({error})"
        ) from None


def check_corpus(
    origin: ResumedFrom, corpus: Corpus | Subset, its_hash: str, n_documents: int | None = None
) -> None:
    """Raise ValueError if a resumed run is continued on documents other than those it hashed."""
    if origin.documents == its_hash:
        return
    now = (len(corpus) if n_documents is None else n_documents, corpus.n_words)
    was = (origin.n_documents, origin.n_words)
    found = f"{now[0]} documents of {now[1]} words"
    if now == was:
        found += ", of which some are others"
    elif None not in was:  # as in old checkpoints
        found = f"{was[0]} documents of {was[1]} words expected, found {found}"
    raise ValueError(f"the documents are others than those {origin.path} was made with: {found}")


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


def _check_settings(run: Run, saved: SavedRun, but: str = "") -> None:
    """Raise MismatchError at a setting that is not the run's, of the model first.

    Settings that nothing uses may differ: older releases took them in silence.
    """
    free = (*MAY_CHANGE, but, *idle(run.model.settings, run.settings))
    for old, settings in (
        (saved.model, run.model.settings),
        (saved.training, run.settings),
    ):
        known_fields(saved.path, old, {field.name for field in fields(settings)})
        for field in fields(settings):
            now = getattr(settings, field.name)
            was = old.get(field.name, field.default)
            was = tuple(was) if isinstance(was, list) else was
            if was == now or field.name in free:
                continue
            kind = run.facts.get("estimator")
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
