"""Logarithms of Weibull draws, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.reference.log_gamma_rsample import log_gamma_rsample


def log_weibull_rsample(shape: Tensor, scale: Tensor | float, seed: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.log_weibull_rsample`; the same draws."""
    k, lam = torch.broadcast_tensors(shape, torch.as_tensor(scale, dtype=shape.dtype))
    for name, value in (("shape", k), ("scale", lam)):
        if not ((value > 0) & value.isfinite()).all():
            raise ValueError(f"log_weibull_rsample: {name} must be positive and finite")
    log_exponential = log_gamma_rsample(torch.ones_like(k), seed)  # log(−log(1 − u))
    log_x: Tensor = lam.log() + log_exponential / k
    return log_x
