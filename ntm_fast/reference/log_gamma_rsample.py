"""Logarithms of gamma draws, in plain PyTorch."""

from typing import Any

import torch
from torch import Tensor

from ntm_fast.reference._philox import uniforms
from ntm_fast.reference.gamma_implicit_gradient import gamma_implicit_gradient


def log_gamma_rsample(alpha: Tensor, seed: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.log_gamma_rsample`; the same draws, computed in float64."""
    if not ((alpha > 0) & alpha.isfinite()).all():
        raise ValueError("log_gamma_rsample: alpha must be positive and finite")
    result: Tensor = _LogGamma.apply(alpha, seed)  # type: ignore[no-untyped-call]
    return result


class _LogGamma(torch.autograd.Function):
    @staticmethod
    def forward(alpha: Tensor, seed: Tensor) -> Tensor:
        return draw_log_gammas(alpha, seed).to(alpha.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * gamma_implicit_gradient(*ctx.saved_tensors), None


def draw_log_gammas(given: Tensor, seed: Tensor) -> Tensor:
    """Marsaglia & Tsang's method in log space, float64; rejected elements try again."""
    alpha, dtype = given.reshape(-1).double(), given.dtype
    a = torch.where(alpha < 1, alpha + 1, alpha)
    log_gamma = torch.empty_like(a)
    left, round = torch.arange(len(a)), 0
    while len(left):
        radius, angle, acceptance, _ = uniforms(seed, left, round, dtype)
        normal = (-2 * radius.log()).sqrt() * ((2 * angle - 1) * (torch.pi / 2)).sin()
        d = a[left] - 1 / 3
        y = normal / (3 * d.sqrt())
        log_root = y.log1p()  # NaN where 1 + y < 0: never accepted
        bound = 3 * d * (log_root - y + y**2 / 2 - y**3 / 3)
        accepted = acceptance.log() < bound
        log_gamma[left[accepted]] = (d.log() + 3 * log_root)[accepted]
        left, round = left[~accepted], round + 1
    boost = uniforms(seed, torch.arange(len(a)), 0, dtype)[3].log() / alpha
    return torch.where(alpha < 1, log_gamma + boost, log_gamma).reshape(given.shape)
