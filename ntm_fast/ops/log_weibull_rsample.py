"""Logarithms of Weibull draws."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.ops._checks import check_positive, check_same_device, with_clear_errors
from ntm_fast.ops._registration import widen
from ntm_fast.ops.log_gamma_rsample import log_gamma_rsample


@with_clear_errors
def log_weibull_rsample(shape: Tensor, scale: Tensor | float, seed: Tensor) -> Tensor:
    """log x of draws x ~ Weibull(shape k, scale λ); elementwise, gradients to both.

    log x = log λ + log(−log(1 − u)) / k, with log(−log(1 − u)) the logarithm of an exponential
    draw, taken from :func:`log_gamma_rsample` at α = 1: in log space no draw underflows. In plain
    PyTorch: ``Weibull(scale, shape).rsample().log()``.

    Parameters
    ----------
    shape : Tensor, float32 or float64 (half types are computed in float32), positive and finite
    scale : Tensor broadcast against shape, or a number; positive and finite
    seed : Tensor [], int64
        One per call: draws from the same seed are the same.

    Returns
    -------
    Tensor of the broadcast shape and shape's dtype

    Raises
    ------
    ValueError
        If a shape or scale is not positive and finite (NaN instead on CUDA), or seed is not a
        0-dimensional int64 tensor.

    Source: Zhang, Chen, Guo & Zhou, "WHAI: Weibull Hybrid Autoencoding Inference for Deep Topic
    Modeling", 2018, equation 4.
    """
    check_same_device("log_weibull_rsample", {"shape": shape, "scale": scale})
    wide = widen(shape)
    wide_scale = scale.to(wide) if isinstance(scale, Tensor) else wide.new_full((), scale)
    k, lam = torch.broadcast_tensors(wide, wide_scale)
    check_positive("log_weibull_rsample", shape=k, scale=lam)
    log_exponential = log_gamma_rsample(torch.ones_like(k), seed)
    log_x: Tensor = lam.log() + log_exponential / k
    return log_x.to(shape.dtype)
