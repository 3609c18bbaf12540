"""scikit-learn's base classes, with types: scikit-learn itself has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

if TYPE_CHECKING:
    B = TypeVar("B", bound="Base")

    class Base:
        """What estimators inherit, as far as it is public."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self: B, **params: Any) -> B: ...
        def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> NDArray[Any]: ...
        def set_output(self: B, *, transform: str | None = None) -> B: ...
        def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]: ...
        def __getstate__(self) -> dict[str, Any]: ...
        def __setstate__(self, state: dict[str, Any]) -> None: ...
        def __sklearn_tags__(self) -> Any: ...

else:

    class Base(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
        """What estimators inherit."""
