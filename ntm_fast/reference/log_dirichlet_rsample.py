"""Logarithms of Dirichlet draws, in plain PyTorch."""

from torch import Tensor

from ntm_fast.reference.log_gamma_rsample import log_gamma_rsample


def log_dirichlet_rsample(alpha: Tensor, seed: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.log_dirichlet_rsample`; the same draws."""
    return log_gamma_rsample(alpha, seed).log_softmax(-1)
