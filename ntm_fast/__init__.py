"""Fast training of VAE topic models: C++/CUDA kernels for PyTorch and trainers on top."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ntm_fast._build_info import build_info
from ntm_fast._version import __version__
from ntm_fast.recipes import RECIPES, RENAMED_MODELS

if TYPE_CHECKING:
    from ntm_fast.data import Corpus as Corpus
    from ntm_fast.estimator.named import *  # noqa: F403
    from ntm_fast.training import Callback as Callback
    from ntm_fast.training import JSONLines as JSONLines
    from ntm_fast.training import TensorBoard as TensorBoard

# Imported at first use: `import ntm_fast` is quick, and works without the compiled extension.
_HOMES = {
    "Corpus": "ntm_fast.data",
    **dict.fromkeys(("Callback", "JSONLines", "TensorBoard"), "ntm_fast.training"),
    **dict.fromkeys(("NeuralTopicModel", *RECIPES, *RENAMED_MODELS), "ntm_fast.estimator"),
}

__all__ = ["__version__", "build_info", *sorted(_HOMES.keys() - RENAMED_MODELS.keys())]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
