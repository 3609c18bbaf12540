"""KL divergence of Weibull from Gamma distributions, in plain PyTorch."""

import torch
from torch import Tensor

EULER = 0.5772156649015329


def kl_weibull_gamma(
    shape: Tensor,
    scale: Tensor | float,
    prior_alpha: Tensor | float,
    prior_rate: Tensor | float,
) -> Tensor:
    """See :func:`ntm_fast.ops.kl_weibull_gamma`."""
    scale, a, b = (torch.as_tensor(x, dtype=shape.dtype) for x in (scale, prior_alpha, prior_rate))
    log_mean = scale.log() + (1 + 1 / shape).lgamma()
    kl = a * (EULER / shape - scale.log() - b.log()) + a.lgamma() + shape.log()
    return (kl + (b.log() + log_mean).exp() - EULER - 1).sum(-1)
