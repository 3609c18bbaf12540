"""Topic models with scikit-learn's interface."""

from typing import Any

from ntm_fast.estimator import named
from ntm_fast.estimator.named import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(named, name)
