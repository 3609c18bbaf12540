"""The compiled ops. :mod:`ntm_fast.reference` has the same functions in plain PyTorch."""

import torch  # noqa: F401  (its libraries must be loaded before the extension's)

try:
    from ntm_fast import _C  # noqa: F401  (loading it registers the ops)
except ImportError as error:
    raise ImportError(
        "ntm_fast.ops: the compiled extension ntm_fast._C cannot be loaded"
        f" ({error}). Build it with `pip install --no-build-isolation -e .` in the source folder,"
        " or use ntm_fast.reference, which is plain PyTorch."
    ) from error

from ntm_fast.bags import Bags  # noqa: F401
from ntm_fast.ops._device_errors import raise_device_errors  # noqa: F401
from ntm_fast.ops.bow_linear import bow_linear
from ntm_fast.ops.bow_mixture_log_likelihood import bow_mixture_log_likelihood
from ntm_fast.ops.bow_mixture_proportions import bow_mixture_proportions
from ntm_fast.ops.bow_product_log_likelihood import bow_product_log_likelihood
from ntm_fast.ops.bow_rows import bow_rows
from ntm_fast.ops.dense_layer import dense_layer
from ntm_fast.ops.dropout import dropout
from ntm_fast.ops.gamma_implicit_gradient import gamma_implicit_gradient
from ntm_fast.ops.kl_dirichlet import kl_dirichlet
from ntm_fast.ops.kl_gamma import kl_gamma
from ntm_fast.ops.kl_normal import kl_normal
from ntm_fast.ops.kl_weibull_gamma import kl_weibull_gamma
from ntm_fast.ops.log_dirichlet_inverse_cdf import log_dirichlet_inverse_cdf
from ntm_fast.ops.log_dirichlet_rao_blackwell import log_dirichlet_rao_blackwell
from ntm_fast.ops.log_dirichlet_rsample import log_dirichlet_rsample
from ntm_fast.ops.log_dirichlet_rsvi import log_dirichlet_rsvi
from ntm_fast.ops.log_gamma_rsample import log_gamma_rsample
from ntm_fast.ops.log_weibull_rsample import log_weibull_rsample
from ntm_fast.ops.logistic_normal_rsample import logistic_normal_rsample
from ntm_fast.ops.topic_overlap import topic_overlap

__all__ = [
    "bow_linear",
    "bow_mixture_log_likelihood",
    "bow_mixture_proportions",
    "bow_product_log_likelihood",
    "bow_rows",
    "dense_layer",
    "dropout",
    "gamma_implicit_gradient",
    "kl_dirichlet",
    "kl_gamma",
    "kl_normal",
    "kl_weibull_gamma",
    "log_dirichlet_inverse_cdf",
    "log_dirichlet_rao_blackwell",
    "log_dirichlet_rsample",
    "log_dirichlet_rsvi",
    "log_gamma_rsample",
    "log_weibull_rsample",
    "logistic_normal_rsample",
    "topic_overlap",
]
