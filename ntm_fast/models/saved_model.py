"""A trained model on disk: a folder of a safetensors file, a JSON file and the vocabulary.

model.safetensors   parameters and running statistics
model.json          format, version, settings in force, sizes, hash of the tensors, and
                    the caller's entries
vocabulary.txt      V lines, UTF-8
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ntm_fast._version import __version__
from ntm_fast.data.saved_corpus import read_words
from ntm_fast.data.validation import checked_vocabulary
from ntm_fast.files import (
    clear_leftovers,
    full_path_of,
    known_fields,
    ordinary_file,
    path_of,
    read_metadata,
    replacing_folder,
)
from ntm_fast.models.topic_model import TopicModel
from ntm_fast.record import METADATA, VERSION
from ntm_fast.settings import ModelSettings, current_names

FORMAT = "ntm_fast model"
TENSORS, VOCABULARY = "model.safetensors", "vocabulary.txt"


def save_model(
    model: TopicModel,
    folder: str | os.PathLike[str],
    vocabulary: Sequence[str],
    *,
    extra: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write the model to `folder` atomically; `extra` is added to model.json.

    If the folder is overwritten, files in it that are not the model's stay.

    Raises FileExistsError if the folder exists, unless `overwrite=True` and it holds a model;
    ValueError for a vocabulary that is not V distinct words of one line each.
    """
    vocabulary = checked_vocabulary(vocabulary, model.n_words)
    target = free_place(folder, overwrite)
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    with replacing_folder(target, (TENSORS, METADATA, VOCABULARY)) as written:
        data = safetensors.torch.save(tensors)
        metadata = {
            "format": FORMAT,
            "version": VERSION,
            "ntm_fast": __version__,
            "n_words": model.n_words,
            "settings": settings_in_force(model),
            "tensors": hashlib.blake2b(data, digest_size=16).hexdigest(),
            **(extra or {}),
        }
        (written / TENSORS).write_bytes(data)
        (written / VOCABULARY).write_bytes("".join(f"{word}\n" for word in vocabulary).encode())
        (written / METADATA).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")


def settings_in_force(model: TopicModel) -> dict[str, Any]:
    """The model's settings as they took effect, without None.

    A background that the decoder decides is True or False here. Bounds that are None are left out.
    """
    settings = {**asdict(model.settings), "background": model.decoder.shift is not None}
    return {name: value for name, value in settings.items() if value is not None}


def free_place(folder: str | os.PathLike[str], overwrite: bool) -> Path:
    """The full path of a folder to save a model to; raises as `save_model` if that would fail."""
    target = full_path_of(folder)
    clear_leftovers(target.parent)
    if target.exists() and not (overwrite and (target / METADATA).is_file()):
        hint = "it holds no model" if overwrite else "pass overwrite=True to replace a model"
        raise FileExistsError(f"{target} exists: {hint}")
    return target


def load_model(
    folder: str | os.PathLike[str], *, ops: Any = None
) -> tuple[TopicModel, tuple[str, ...], dict[str, Any]]:
    """(model in evaluation mode, vocabulary, model.json) of a folder written by `save_model`.

    Raises FileNotFoundError, or ValueError naming the file that is foreign or damaged. The sizes
    in model.json are compared with the tensors before anything of these sizes is allocated.
    """
    root = path_of(folder)
    metadata = read_model_metadata(root)
    vocabulary = read_words(root / VOCABULARY, metadata["n_words"])
    settings = _settings(metadata, root)
    tensors = _read_tensors(root / TENSORS, metadata["tensors"])
    _check_tensors(tensors, metadata["n_words"], settings, root, ops)
    model = TopicModel(metadata["n_words"], settings, ops=ops)
    model.load_state_dict(tensors)
    return model.eval(), vocabulary, metadata


def read_model_metadata(root: Path) -> dict[str, Any]:
    """model.json of a folder, checked for format and version."""
    path = root / METADATA
    metadata = read_metadata(path, "model", VERSION)
    for name, kind in (("n_words", int), ("settings", dict), ("tensors", str)):
        if type(metadata.get(name)) is not kind:
            raise ValueError(f"{path} is damaged: {name} is {metadata.get(name)!r}")
    return {**metadata, "settings": current_names(metadata["settings"])}


def _settings(metadata: dict[str, Any], root: Path) -> ModelSettings:
    path, values = root / METADATA, metadata["settings"]
    if not {"n_topics", "hidden", "posterior", "decoder"} <= set(values):
        raise ValueError(f"{path} is damaged: settings are {values!r}")
    known_fields(path, values, {field.name for field in fields(ModelSettings)})
    try:
        return ModelSettings(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: in settings, {error}") from None


def _read_tensors(path: Path, digest: str) -> dict[str, Tensor]:
    data = ordinary_file(path).read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != digest:
        raise ValueError(f"{path} is damaged or truncated: its hash is not the one in {METADATA}")
    try:
        return dict(safetensors.torch.load(data))
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _check_tensors(
    tensors: dict[str, Tensor], n_words: int, settings: ModelSettings, root: Path, ops: Any
) -> None:
    """Raise ValueError unless the tensors are those of such a model, and finite."""
    path, wanted = root / TENSORS, root / METADATA
    if len(settings.hidden) > len(tensors):
        raise ValueError(
            f"{path} does not fit {wanted}: it has {len(tensors)} tensors, too few for"
            f" {len(settings.hidden)} layers, the length of hidden"
        )
    try:
        with torch.device("meta"):  # only shapes: n_topics may be 10⁹
            shapes = TopicModel(n_words, settings, ops=ops).state_dict()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{wanted} is damaged: in settings, {reason}") from None
    for name in sorted(shapes.keys() ^ tensors.keys()):
        where = "has" if name in tensors else "lacks"
        raise ValueError(
            f"{path} does not fit {wanted}: it {where} the tensor {name!r}, expected"
            f" {', '.join(sorted(shapes))}"
        )
    for name, tensor in sorted(tensors.items()):
        if tensor.shape != shapes[name].shape:
            raise ValueError(
                f"{path} does not fit {wanted}: {name} has shape {tuple(tensor.shape)}; expected"
                f" {tuple(shapes[name].shape)}, as n_words and settings say"
            )
        if not tensor.isfinite().all():
            raise ValueError(f"{path}: {name} holds a value that is not a finite number")
