"""scikit-learn's own checks of estimators; every one of them passes, none is excepted."""

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from ntm_fast import NeuralTopicModel, ProdLDA

SMALL: dict[str, Any] = {"n_topics": 3, "epochs": 2, "hidden": (8,)}


@parametrize_with_checks(
    [
        ProdLDA(**SMALL),
        NeuralTopicModel(posterior="dirichlet", decoder="mixture", **SMALL),
    ]
)
def test_conventions(estimator: Any, check: Any) -> None:
    check(estimator)
