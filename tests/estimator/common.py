"""Shared by the tests of estimators."""

from typing import Any

import pytest

import ntm_fast
from ntm_fast.training import RECIPES
from tests.helpers.blocks import block_corpus

CORPUS = block_corpus()
X = CORPUS.to_scipy()
NAMED = pytest.mark.parametrize("kind", [getattr(ntm_fast, name) for name in RECIPES])
QUICK: dict[str, Any] = {"epochs": 2, "hidden": (8,), "batch_size": 64, "random_state": 0}
