"""A checkpoint as it lies in its file: read and checked before anything is made of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor

from ntm_fast.files import check_version, known_fields, parse_json
from ntm_fast.recipes import current_model
from ntm_fast.settings import current_names
from ntm_fast.training.state import Epoch, ResumedFrom, State

FORMAT = "ntm_fast checkpoint"
VERSION = 2  # 1 had no digest
LARGEST = 2**53  # of a count
GENERATOR_BYTES = 5056  # of the state of torch's Mersenne twister
TWISTER = 624  # its words

OptimiserState = dict[int, dict[str, Tensor]]


@dataclass(frozen=True)
class SavedRun:
    """What a checkpoint holds; tensors are checked against a model by `checkpoint.load`."""

    path: Path
    seed: int
    state: State
    history: list[Epoch]
    model: dict[str, Any]
    training: dict[str, Any]
    corpus: str
    environment: dict[str, Any]
    n_documents: int | None
    n_words: int | None
    estimator: str | None
    random_state: int | None
    diverged: str | None
    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: OptimiserState
    generator: Tensor

    @property
    def origin(self) -> ResumedFrom:
        """The facts that stay with the resumed run."""
        return ResumedFrom(self.path, self.corpus, self.n_documents, self.n_words)


def read(path: Path) -> SavedRun:
    """The checkpoint at `path`; raises FileNotFoundError, or ValueError naming the file."""
    metadata, tensors = read_parts(path)
    with damaged(path):
        return SavedRun(path=path, **_facts(path, metadata), **_groups(tensors))


def read_facts(path: Path) -> dict[str, Any]:
    """What the checkpoint at `path` says of its run, without its tensors; raises as `read`."""
    metadata, _ = read_parts(path, with_tensors=False)
    with damaged(path):
        return _facts(path, metadata)


def read_parts(
    path: Path, *, with_tensors: bool = True
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(metadata, tensors) of a checkpoint, its format and digest checked; raises as `read`."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: no checkpoint to resume from")
    tensors: dict[str, Tensor] = {}
    try:
        with damaged(path), safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if with_tensors:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is damaged or not a checkpoint: {error}") from None
    with damaged(path):
        text = header.get("ntm_fast", "{}")
        metadata = parse_json(text)
        if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
            raise ValueError(f"{path} is not a checkpoint of ntm_fast")
        check_version(path, metadata.get("version"), VERSION)
        # A file without tensors to compare is not hashed; the first version had no digest.
        expected = header.get("digest", None if metadata["version"] == 1 else "")
        if with_tensors and expected is not None and expected != digest(text, tensors):
            raise ValueError(f"{path} is damaged: its contents do not match their digest")
    return metadata, tensors


def digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    """Hash of a checkpoint's metadata and tensors."""
    state = hashlib.blake2b(text.encode(), digest_size=16)
    for name, value in sorted(tensors.items()):
        state.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        state.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Make any error that a file's contents cause within the block a ValueError naming it."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {reason}") from None
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is damaged: {error}") from None


def same_tensors(
    path: Path, what: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Raise ValueError unless both have the same names, shapes and dtypes, `found` finite."""
    for name in sorted(found.keys() ^ expected.keys()):
        has = "has" if name in found else "lacks"
        raise ValueError(f"{path} is of another model: it {has} {what}{name}")
    for name, value in expected.items():
        check_tensor(path, what + name, found[name], value.shape, value.dtype)


def check_tensor(
    path: Path, name: str, value: Tensor, shape: Iterable[int], dtype: torch.dtype
) -> None:
    """Raise ValueError unless a tensor has this shape and dtype and no NaN or infinity."""
    if value.shape != torch.Size(shape):
        raise ValueError(
            f"{path} is of another model or vocabulary: {name} has shape {tuple(value.shape)};"
            f" expected {tuple(shape)}"
        )
    if value.dtype != dtype:
        raise ValueError(f"{path} is damaged: {name} is {value.dtype}; expected {dtype}")
    if value.is_floating_point() and not bool(value.isfinite().all()):
        raise ValueError(
            f"{path} is damaged, or of a run that diverged: {name} holds a value that is not finite"
        )


def check_generator(path: Path, value: Tensor) -> None:
    """Raise ValueError unless it is a state that torch's generator on the CPU can have.

    torch compares no more than single fields; from words left and next word that do not belong
    together it would read beyond its memory.
    """
    check_tensor(path, "generator", value, (GENERATOR_BYTES,), torch.uint8)
    data = value.numpy()
    left, after = int(data[8:12].view(np.int32)[0]), int(data[16:24].view(np.uint64)[0])
    if (left, after) != (1, 0) and not (1 <= left <= TWISTER and left + after == TWISTER + 1):
        raise ValueError(f"{path} is damaged: generator is in no state that it can be in")
    with damaged(path):
        torch.Generator().set_state(value)


def _facts(path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    def field(name: str, kind: str, values: dict[str, Any] = metadata, inside: str = "") -> Any:
        value = values.get(name)
        if not _KINDS[kind](value):
            raise ValueError(f"{path} is damaged: {inside}{name} is {value!r:.80}; expected {kind}")
        return value

    def record(kind: type[State] | type[Epoch], values: Any, inside: str) -> Any:
        if not isinstance(values, dict):
            raise ValueError(f"{path} is damaged: {inside} is {values!r:.80}; expected an object")
        known_fields(path, values, {f.name for f in fields(kind)})
        for f in fields(kind):
            field(f.name, _FIELDS[kind][f.name], values, f"{inside}.")
        return kind(**values)

    state = record(State, metadata.get("state"), "state")
    history = [
        record(Epoch, values, f"history[{at}]")
        for at, values in enumerate(field("history", "a list"))
    ]
    if len(history) != state.epoch or (state.best_epoch or 0) > state.epoch:
        raise ValueError(
            f"{path} is damaged: state.epoch is {state.epoch}, state.best_epoch"
            f" {state.best_epoch} and there are {len(history)} epochs in its history"
        )
    return {
        "seed": field("seed", "an int of 64 bits"),
        "state": state,
        "history": history,
        **{name: current_names(field(name, "an object")) for name in ("model", "training")},
        "environment": field("environment", "an object"),
        "corpus": field("corpus", "a string"),
        # Checkpoints of the first version lack these.
        **{name: field(name, "a count or null") for name in ("n_documents", "n_words")},
        "random_state": field("random_state", "an int or null"),
        "estimator": current_model(field("estimator", "a string or null")),
        "diverged": field("diverged", "a string or null"),
    }


def _groups(tensors: dict[str, Tensor]) -> dict[str, Any]:
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}}
    optimiser: OptimiserState = {}
    for name, value in tensors.items():
        group, _, rest = name.partition(".")
        index, _, key = rest.partition(".")
        if group in groups and rest:
            groups[group][rest] = value
        elif group == "optimiser" and index.isdecimal() and index.isascii() and key:
            optimiser.setdefault(int(index), {})[key] = value
        elif name != "generator":
            raise ValueError(f"it has a tensor {name!r:.80}, which no checkpoint has")
    if "generator" not in tensors:
        raise ValueError("it has no tensor 'generator'")
    return {
        "weights": groups["model"],
        "best": groups["best"],
        "optimiser": optimiser,
        "generator": tensors["generator"],
    }


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _is_real(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < LARGEST)


def _or_none(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or test(value)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "a count": _is_count,
    "a count or null": _or_none(_is_count),
    "a number": _is_real,
    "a number or null": _or_none(_is_real),
    "a finite number": lambda value: _is_real(value) and math.isfinite(value),
    "an int of 64 bits": lambda value: type(value) is int and -(2**63) <= value < 2**64,
    "an int or null": _or_none(lambda value: type(value) is int),
    "a string": lambda value: isinstance(value, str),
    "a string or null": _or_none(lambda value: isinstance(value, str)),
    "a list": lambda value: isinstance(value, list),
    "an object": lambda value: isinstance(value, dict),
}
_FIELDS = {
    State: {
        "epoch": "a count",
        "step": "a count",
        "log_likelihood": "a finite number",
        "kl": "a finite number",
        "documents": "a count",
        "best": "a number or null",
        "best_epoch": "a count or null",
    },
    Epoch: {
        "epoch": "a count",
        "elbo": "a number",
        "log_likelihood": "a number",
        "kl": "a number",
        "kl_weight": "a number",
        "validation_elbo": "a number or null",
        "documents_per_second": "a number",
    },
}
