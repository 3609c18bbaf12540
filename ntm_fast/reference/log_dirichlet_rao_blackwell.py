"""Logarithms of Dirichlet draws with gradients of lower variance, in plain PyTorch."""

from torch import Tensor

from ntm_fast.reference.gamma_implicit_gradient import gamma_implicit_gradient
from ntm_fast.reference.log_gamma_rsample import log_gamma_rsample

_SUMS = 0x2545F4914F6CDD1D  # so that the new sums are independent of the draws


def log_dirichlet_rao_blackwell(alpha: Tensor, seed: Tensor, draws: int = 4) -> Tensor:
    """See :func:`ntm_fast.ops.log_dirichlet_rao_blackwell`; the same draws."""
    if draws < 1:
        raise ValueError(f"log_dirichlet_rao_blackwell: draws is {draws}, expected >= 1")
    fixed = alpha.detach()
    log_gamma = log_gamma_rsample(fixed, seed)
    total = fixed.sum(-1, keepdim=True)
    log_sum = log_gamma_rsample(total.expand(draws, *total.shape), seed ^ _SUMS)
    log_theta = log_gamma.log_softmax(-1)
    slope = gamma_implicit_gradient(fixed, log_theta + log_sum).mean(0)
    return (log_gamma + slope * (alpha - fixed)).log_softmax(-1)  # alpha − fixed is 0
