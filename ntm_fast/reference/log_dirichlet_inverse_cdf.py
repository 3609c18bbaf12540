"""Logarithms of approximate Dirichlet draws by inverse distribution functions."""

import torch
from torch import Tensor

from ntm_fast.reference.log_gamma_rsample import log_gamma_rsample


def log_dirichlet_inverse_cdf(alpha: Tensor, seed: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.log_dirichlet_inverse_cdf`; the same draws."""
    least = 40 / torch.finfo(alpha.dtype).max
    if not ((alpha >= least) & alpha.isfinite()).all():
        raise ValueError(
            f"log_dirichlet_inverse_cdf: alpha must be positive and finite, >= {least}"
        )
    log_u = -log_gamma_rsample(torch.ones_like(alpha), seed).exp()
    log_gamma = (log_u + (alpha + 1).lgamma()) / alpha
    return log_gamma.log_softmax(-1)
