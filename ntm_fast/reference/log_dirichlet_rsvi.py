"""Logarithms of Dirichlet draws with the gradients of rejection sampling, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.reference._philox import uniforms
from ntm_fast.reference.log_gamma_rsample import log_gamma_rsample

FIRST_ROUND = 2**31  # of Philox, for the uniforms: above those of rejections


def log_dirichlet_rsvi(alpha: Tensor, seed: Tensor, boost: int = 10) -> Tensor:
    """See :func:`ntm_fast.ops.log_dirichlet_rsvi`; the same draws, computed in float64."""
    if not ((alpha > 0) & alpha.isfinite()).all():
        raise ValueError("log_dirichlet_rsvi: alpha must be positive and finite")
    if boost < 1:
        raise ValueError(f"log_dirichlet_rsvi: boost is {boost}, expected >= 1")
    a = alpha.double()
    log_g = log_gamma_rsample((alpha + boost).detach(), seed).double()
    d = a.detach() + boost - 1 / 3
    epsilon = ((log_g - d.log()) / 3).expm1() * (9 * d).sqrt()  # the accepted one
    d = a + boost - 1 / 3
    log_gamma = d.log() + 3 * (epsilon / (9 * d).sqrt()).log1p()  # log h(ε, α + boost)
    elements = torch.arange(alpha.numel(), device=alpha.device)
    for i in range(boost):
        u = uniforms(seed, elements, FIRST_ROUND + i // 4, alpha.dtype)[i % 4]
        log_gamma = log_gamma + u.log().reshape(alpha.shape) / (a + i)
    return log_gamma.log_softmax(-1).to(alpha.dtype)
