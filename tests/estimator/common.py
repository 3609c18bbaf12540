"""What the tests of estimators share."""

from typing import Any

import pytest

from ntm_fast import LDAVAE, NVLDA, DirichletVAE, ProdLDA
from tests.blocks import block_corpus

CORPUS = block_corpus()
X = CORPUS.to_scipy()
NAMED = pytest.mark.parametrize("kind", [ProdLDA, NVLDA, DirichletVAE, LDAVAE])
QUICK: dict[str, Any] = {"epochs": 2, "hidden": (8,), "batch_size": 64, "random_state": 0}
