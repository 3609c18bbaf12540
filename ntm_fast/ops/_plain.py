"""Ops that have no CUDA kernel, in plain PyTorch: what they run there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ntm_fast import reference
from ntm_fast.reference._philox import normals, uniforms
from ntm_fast.reference.log_dirichlet_rsvi import FIRST_ROUND


def _on_cuda(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if not torch._C._dispatch_has_kernel_for_dispatch_key(f"ntm_fast::{name}", "CUDA"):
            torch.library.register_kernel(f"ntm_fast::{name}", "cuda", function)
        return function

    return register


_on_cuda("bow_rows")(reference.bow_rows)
_on_cuda("dropout")(reference.dropout)


@_on_cuda("logistic_normal_rsample")
def logistic_normal_rsample(
    mean: Tensor, log_variance: Tensor, seed: Tensor
) -> tuple[Tensor, Tensor]:
    """(θ, half of the deviation from the mean), both [B, K]."""
    half_deviation = 0.5 * (0.5 * log_variance).exp() * normals(seed, mean)
    return (mean + 2 * half_deviation).softmax(1), half_deviation


@_on_cuda("logistic_normal_rsample_backward")
def logistic_normal_rsample_backward(
    grad_theta: Tensor, theta: Tensor, half_deviation: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients [B, K] of mean and log variance."""
    grad_mean = theta * (grad_theta - (grad_theta * theta).sum(1, keepdim=True))
    return grad_mean, grad_mean * half_deviation


@_on_cuda("dense_layer")
def dense_layer(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    activation: int,
    batch_norm: bool,
    shift: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(y [B, O], mean [O], var [O], normalised [B, O]), the last three empty without batch norm."""
    z = x.clone() if weight is None else F.linear(x, weight)
    z = z if bias is None else z + bias
    mean = var = x.new_empty(0)
    normalised = x.new_empty(0, z.shape[1])
    if batch_norm:
        mean, var = z.mean(0), z.var(0, correction=0)
        normalised = (z - mean) * torch.rsqrt(var + eps)
        z = normalised.clone() if shift is None else normalised + shift
    y = (z, torch.logaddexp(z, torch.zeros_like(z)), z.relu())[activation]
    return y, mean, var, normalised


@_on_cuda("dense_layer_backward")
def dense_layer_backward(
    grad_y: Tensor,
    x: Tensor,
    weight: Tensor | None,
    y: Tensor,
    activation: int,
    batch_norm: bool,
    eps: float,
    var: Tensor,
    normalised: Tensor,
    want_x: bool,
    want_weight: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """(gradient of x [B, I], of weight [O, I], sums [O] before the activation)."""
    slope = (torch.ones_like(y), -torch.expm1(-y), (y > 0).to(y))[activation]
    grad = grad_y * slope
    sums = grad.sum(0)
    if batch_norm:
        tilt = (grad * normalised).mean(0)
        grad = (grad - grad.mean(0) - normalised * tilt) * torch.rsqrt(var + eps)
    if weight is None:
        return grad, x.new_empty(0, x.shape[1]), sums
    grad_x = grad @ weight if want_x else x.new_empty(0, x.shape[1])
    grad_weight = grad.T @ x if want_weight else x.new_empty(0, x.shape[1])
    return grad_x, grad_weight, sums


@_on_cuda("log_dirichlet_rsvi")
def log_dirichlet_rsvi(alpha: Tensor, seed: Tensor, boost: int) -> tuple[Tensor, Tensor]:
    """(log θ, d log γ / dα), both [B, K]."""
    log_gamma = torch.ops.ntm_fast.log_gamma_rsample(alpha + boost, seed)
    d = alpha + (boost - 1 / 3)
    slope = (1.5 * ((d.log() - log_gamma) / 3).exp() - 0.5) / d
    elements = torch.arange(alpha.numel(), device=alpha.device)
    for i in range(boost):
        u = uniforms(seed, elements, FIRST_ROUND + i // 4, alpha.dtype)[i % 4]
        term = u.log().to(alpha.dtype).reshape(alpha.shape) / (alpha + i)
        log_gamma, slope = log_gamma + term, slope - term / (alpha + i)
    return log_gamma.log_softmax(1), slope


@_on_cuda("log_dirichlet_rsvi_backward")
def log_dirichlet_rsvi_backward(grad: Tensor, log_theta: Tensor, slope: Tensor) -> Tensor:
    """Gradient of alpha [B, K]."""
    return slope * (grad - log_theta.exp() * grad.sum(1, keepdim=True))
