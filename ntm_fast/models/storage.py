"""A trained model on disk: a folder of a safetensors file, a JSON file and the vocabulary.

model.safetensors   parameters and running statistics
model.json          format, version, settings, sizes, hash of the tensors, what the caller adds
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

import ntm_fast
from ntm_fast.data.folders import clear_leftovers, known_fields, read_metadata, replacing_folder
from ntm_fast.models.settings import ModelSettings
from ntm_fast.models.topic_model import TopicModel

FORMAT = "ntm_fast model"
VERSION = 1
TENSORS, METADATA, VOCABULARY = "model.safetensors", "model.json", "vocabulary.txt"


def save_model(
    model: TopicModel,
    folder: str | os.PathLike[str],
    vocabulary: Sequence[str],
    *,
    extra: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write the model to `folder`, whole or not at all; `extra` is kept in model.json.

    Files of others in a folder that is overwritten stay in it.

    Raises FileExistsError for a folder that exists, unless `overwrite=True` and the folder holds
    a model; ValueError for a vocabulary of another length or words that hold line breaks.
    """
    if len(vocabulary) != model.n_words:
        raise ValueError(f"vocabulary has length {len(vocabulary)}; expected {model.n_words}")
    for word in vocabulary:
        if "\n" in word or "\r" in word:
            raise ValueError(f"vocabulary holds {word!r}; expected words without line breaks")
    target = free_place(folder, overwrite)
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    with replacing_folder(target, (TENSORS, METADATA, VOCABULARY)) as written:
        data = safetensors.torch.save(tensors)
        metadata = {
            "format": FORMAT,
            "version": VERSION,
            "ntm_fast": ntm_fast.__version__,
            "n_words": model.n_words,
            "settings": asdict(model.settings),
            "tensors": hashlib.blake2b(data, digest_size=16).hexdigest(),
            **(extra or {}),
        }
        (written / TENSORS).write_bytes(data)
        (written / VOCABULARY).write_bytes("".join(f"{word}\n" for word in vocabulary).encode())
        (written / METADATA).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")


def free_place(folder: str | os.PathLike[str], overwrite: bool) -> Path:
    """The full path of a folder to save a model to; raises as `save_model` if it may not be."""
    target = Path(os.path.abspath(folder))
    clear_leftovers(target.parent)
    if target.exists() and not (overwrite and (target / METADATA).is_file()):
        hint = "it holds no model" if overwrite else "pass overwrite=True to replace a model"
        raise FileExistsError(f"{target} exists: {hint}")
    return target


def load_model(
    folder: str | os.PathLike[str], *, ops: Any = None
) -> tuple[TopicModel, tuple[str, ...], dict[str, Any]]:
    """(model in evaluation mode, vocabulary, model.json) of a folder written by `save_model`.

    Raises FileNotFoundError, or ValueError naming the file that is foreign or damaged.
    """
    root = Path(folder)
    metadata = read_model_metadata(root)
    vocabulary = _read_vocabulary(root / VOCABULARY, metadata["n_words"])
    path = root / TENSORS
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    data = path.read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != metadata["tensors"]:
        raise ValueError(f"{path} is damaged or truncated: its hash is not the one in {METADATA}")
    model = TopicModel(metadata["n_words"], _settings(metadata, root), ops=ops)
    try:
        model.load_state_dict(safetensors.torch.load(data))
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} does not fit {root / METADATA}: {error}") from None
    return model.eval(), vocabulary, metadata


def read_model_metadata(root: Path) -> dict[str, Any]:
    """model.json of a folder, checked for format and version."""
    path = root / METADATA
    metadata = read_metadata(path, "model", VERSION)
    for name, kind in (("n_words", int), ("settings", dict), ("tensors", str)):
        if type(metadata.get(name)) is not kind:
            raise ValueError(f"{path} is damaged: {name} is {metadata.get(name)!r}")
    return metadata


def _settings(metadata: dict[str, Any], root: Path) -> ModelSettings:
    path, values = root / METADATA, metadata["settings"]
    if not {"n_topics", "hidden", "posterior", "decoder"} <= set(values):
        raise ValueError(f"{path} is damaged: settings are {values!r}")
    known_fields(path, values, {field.name for field in fields(ModelSettings)})
    return ModelSettings(**{**values, "hidden": tuple(values["hidden"])})


def _read_vocabulary(path: Path, n_words: int) -> tuple[str, ...]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        words = path.read_bytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if len(words) != n_words + 1 or words[-1]:
        raise ValueError(f"{path} is damaged: it has {len(words) - 1} words, expected {n_words}")
    return tuple(words[:-1])
