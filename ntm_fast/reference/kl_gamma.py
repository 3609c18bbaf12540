"""KL divergence between Gamma distributions, in plain PyTorch."""

import torch
from torch import Tensor


def kl_gamma(
    alpha: Tensor, rate: Tensor | float, prior_alpha: Tensor | float, prior_rate: Tensor | float
) -> Tensor:
    """See :func:`ntm_fast.ops.kl_gamma`."""
    rate, prior_alpha, prior_rate = (
        torch.as_tensor(x).to(alpha) for x in (rate, prior_alpha, prior_rate)
    )
    shape = (alpha - prior_alpha) * alpha.digamma() - alpha.lgamma() + prior_alpha.lgamma()
    scale = prior_alpha * (rate.log() - prior_rate.log()) + alpha * (prior_rate / rate - 1)
    return (shape + scale).sum(-1)
