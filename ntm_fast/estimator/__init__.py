"""Topic models with scikit-learn's interface."""

from typing import TYPE_CHECKING, Any

from ntm_fast.estimator import named
from ntm_fast.estimator.topic_estimator import ESTIMATORS

if TYPE_CHECKING:
    from ntm_fast.estimator.named import *  # noqa: F403

__all__ = sorted(ESTIMATORS)  # all classes of `named`


def __getattr__(name: str) -> Any:
    return getattr(named, name)
