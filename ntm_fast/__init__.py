"""Fast training of VAE topic models: C++/CUDA kernels for PyTorch and trainers on top."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ntm_fast._build_info import build_info
from ntm_fast._version import __version__

if TYPE_CHECKING:
    from ntm_fast.data import Corpus
    from ntm_fast.estimator import (
        ETM,
        GSM,
        LDAVAE,
        NVDM,
        NVLDA,
        WHAI,
        DirichletETM,
        DirichletVAE,
        DirichletVAERSVI,
        FigurnovLDA,
        InverseCDF,
        NeuralTopicModel,
        ProdLDA,
        PublishedDirichletVAE,
        PublishedNVLDA,
        PublishedProdLDA,
    )
    from ntm_fast.training import Callback, JSONLines, TensorBoard

__all__ = [
    "ETM",
    "GSM",
    "LDAVAE",
    "NVDM",
    "NVLDA",
    "WHAI",
    "Callback",
    "Corpus",
    "DirichletETM",
    "DirichletVAE",
    "DirichletVAERSVI",
    "FigurnovLDA",
    "InverseCDF",
    "JSONLines",
    "NeuralTopicModel",
    "ProdLDA",
    "PublishedDirichletVAE",
    "PublishedNVLDA",
    "PublishedProdLDA",
    "TensorBoard",
    "__version__",
    "build_info",
]

# Imported at first use: `import ntm_fast` is quick, and works without the compiled extension.
_HOMES = {
    "Callback": "ntm_fast.training",
    "Corpus": "ntm_fast.data",
    "DirichletETM": "ntm_fast.estimator",
    "DirichletVAE": "ntm_fast.estimator",
    "DirichletVAERSVI": "ntm_fast.estimator",
    "ETM": "ntm_fast.estimator",
    "FigurnovLDA": "ntm_fast.estimator",
    "GSM": "ntm_fast.estimator",
    "InverseCDF": "ntm_fast.estimator",
    "JSONLines": "ntm_fast.training",
    "LDAVAE": "ntm_fast.estimator",
    "NVDM": "ntm_fast.estimator",
    "NVLDA": "ntm_fast.estimator",
    "NeuralTopicModel": "ntm_fast.estimator",
    "ProdLDA": "ntm_fast.estimator",
    "PublishedDirichletVAE": "ntm_fast.estimator",
    "PublishedNVLDA": "ntm_fast.estimator",
    "PublishedProdLDA": "ntm_fast.estimator",
    "TensorBoard": "ntm_fast.training",
    "WHAI": "ntm_fast.estimator",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))
