"""Shared by the tests of training: small runs, and how they are compared."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ntm_fast.models import TopicModel
from ntm_fast.training import RECIPES, Callback, Epoch, Trainer
from tests.helpers.blocks import block_corpus

CORPUS = block_corpus(n_documents=120)
HELD_OUT = block_corpus(n_documents=40, seed=1)
Weights = dict[str, torch.Tensor]


def trainer(
    name: str = "ProdLDA",
    checkpoint: Path | None = None,
    *,
    callback: Callable[[Epoch], Any] | None = None,
    callbacks: Sequence[Callback] = (),
    **changes: object,
) -> Trainer:
    options = {"n_topics": 4, "hidden": (16,), "epochs": 4, "batch_size": 32}
    options |= {"kl_schedule": "constant", **changes}
    recipe = RECIPES[name].changed(**options)
    torch.manual_seed(0)
    model = TopicModel(40, recipe.model)
    watching: dict[str, Any] = {"callback": callback, "callbacks": callbacks}
    return Trainer(model, recipe.training, seed=5, checkpoint=checkpoint, **watching)


def weights(of: Trainer) -> Weights:
    return {name: value.clone() for name, value in of.model.state_dict().items()}


def assert_equal(first: Weights, second: Weights) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert value.equal(second[name]), name
