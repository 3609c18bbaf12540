"""KL divergence of Weibull from Gamma distributions."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.ops._checks import check_positive, check_rows

_EULER = 0.5772156649015329


def kl_weibull_gamma(
    shape: Tensor,
    scale: Tensor | float,
    prior_alpha: Tensor | float,
    prior_rate: Tensor | float,
) -> Tensor:
    """KL(Weibull(shape, scale) ‖ Gamma(prior_alpha, prior_rate)), summed over each row.

    Σ_k γ a / k − a log(λ b) + log k + b λ Γ(1 + 1/k) + log Γ(a) − γ − 1, with k, λ = shape, scale,
    a, b = prior_alpha, prior_rate and γ Euler's constant; in nats, computed in float64. Gradients
    to all four. For small k, Γ(1 + 1/k) is huge: 4e6 at k = 0.1. In plain PyTorch there is no such
    divergence; a draw of ``Weibull(scale, shape).log_prob(x) − Gamma(a, b).log_prob(x)`` has it
    as mean.

    Parameters
    ----------
    shape : Tensor [..., K], float32 or float64 (half types too)
    scale, prior_alpha, prior_rate : Tensor broadcast against shape, such as [K], or a number

    Returns
    -------
    Tensor [...]
        Of shape's dtype.

    Raises
    ------
    ValueError
        If a parameter is not positive and finite (NaN instead on CUDA) or shape is 0-dimensional.

    Source: Zhang, Chen, Guo & Zhou, "WHAI: Weibull Hybrid Autoencoding Inference for Deep Topic
    Modeling", 2018, equation 8.
    """
    check_rows("kl_weibull_gamma", "shape", shape)
    k, scale, a, b = (
        torch.as_tensor(x, dtype=torch.float64, device=shape.device)
        for x in (shape, scale, prior_alpha, prior_rate)
    )
    check_positive("kl_weibull_gamma", shape=k, scale=scale, prior_alpha=a, prior_rate=b)
    log_scale = scale.log() + b.log()  # of b x, whose prior is Gamma(a, 1)
    kl = a * (_EULER / k - log_scale) + a.lgamma() + k.log() - _EULER - 1
    return (kl + (log_scale + (1 + 1 / k).lgamma()).exp()).sum(-1).to(shape.dtype)
