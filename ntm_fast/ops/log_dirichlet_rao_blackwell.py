"""Logarithms of Dirichlet draws with gradients of lower variance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import LARGEST_LOG, check_positive, check_rows, with_clear_errors
from ntm_fast.ops._registration import widen
from ntm_fast.ops.gamma_implicit_gradient import gamma_implicit_gradient
from ntm_fast.ops.log_gamma_rsample import log_gamma_rsample

_SUMS = 0x2545F4914F6CDD1D  # so that the new sums are independent of the draws


class _Slope(torch.autograd.Function):
    """`slope`, a function of x without a derivative of its own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, slope: Tensor) -> Tensor:
        return slope.view_as(slope)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        raise RuntimeError(
            "log_dirichlet_rao_blackwell's gradient has none of its own: double backward is not"
            " supported"
        )


class _WithSlope(torch.autograd.Function):
    """`value`, as a function of x whose derivative is `slope`."""

    @staticmethod
    def forward(x: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], inputs[2])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        x, slope = ctx.saved_tensors
        return grad * _Slope.apply(x, slope), None, None  # type: ignore[no-untyped-call]


@with_clear_errors
def log_dirichlet_rao_blackwell(alpha: Tensor, seed: Tensor, draws: int = 4) -> Tensor:
    """log θ of draws θ ~ Dirichlet(alpha), with implicit gradients averaged over the gammas' sum.

    The draws are those of :func:`log_dirichlet_rsample`. The sum S ~ Gamma(Σ α) of the gammas is
    independent of θ, so the gradient can be averaged over it (Rao-Blackwell): in ∂/∂α_j =
    L(α_j, l_j) (G_j − θ_j Σ_i G_i), L is replaced by the mean of L(α_j, log θ_j + log S) over
    `draws` new S. The gradient stays unbiased. The sum adds a few per cent to its variance for
    dense α, and half as much again for sparse α of few topics; 1 / draws of that is left. The limit
    for many draws is, in plain PyTorch: ``Dirichlet(alpha).rsample().log()``.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32), finite and
        at least 1.2e-37 (float64: 2.3e-307), so that the gammas' logarithms are finite
    seed : Tensor [], int64
        One per call: draws from the same seed are the same.
    draws : int, at least 1

    Returns
    -------
    Tensor [..., K]
        In alpha's dtype.

    Raises
    ------
    ValueError
        If an alpha is too small or not finite, alpha is 0-dimensional or K is 0, draws is below
        1, or seed is not a 0-dimensional int64 tensor.

    Source: the path of the Beta marginals (Jankowiak & Obermeyer, "Pathwise Derivatives Beyond
    the Reparameterization Trick", 2018), as a conditional expectation of the gammas' path.
    """
    check_rows("log_dirichlet_rao_blackwell", "alpha", alpha)
    if draws < 1:
        raise ValueError(f"log_dirichlet_rao_blackwell: draws is {draws}, expected >= 1")
    wide = widen(alpha)
    least = LARGEST_LOG / torch.finfo(wide.dtype).max
    check_positive("log_dirichlet_rao_blackwell", least, alpha=wide)
    fixed = wide.detach()
    log_gamma = log_gamma_rsample(fixed, seed)
    if torch.is_grad_enabled():
        total = fixed.sum(-1, keepdim=True)
        log_sum = log_gamma_rsample(total.expand(draws, *total.shape), seed ^ _SUMS)
        slope = gamma_implicit_gradient(fixed, log_gamma.log_softmax(-1) + log_sum).mean(0)
        log_gamma = _WithSlope.apply(wide, log_gamma, slope)  # type: ignore[no-untyped-call]
    return log_gamma.log_softmax(-1).to(alpha.dtype)
