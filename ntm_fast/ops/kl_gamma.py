"""KL divergence between Gamma distributions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._registration import differentiable, once_differentiable
from ntm_fast.ops._rows import as_rows, gradients_of_rows

_op = torch.ops.ntm_fast.kl_gamma.default
_backward_op = torch.ops.ntm_fast.kl_gamma_backward.default


def _fake(alpha: Tensor, rate: Tensor, prior_alpha: Tensor, prior_rate: Tensor) -> Tensor:
    return alpha.new_empty(alpha.shape[0])


def _fake_backward(grad_kl: Tensor, alpha: Tensor, *others: Any) -> tuple[Tensor, ...]:
    rows, topics = alpha.shape
    return tuple(alpha.new_empty(rows if wanted else 0, topics) for wanted in others[-4:])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad_kl: Tensor) -> tuple[Tensor | None, ...]:
    return gradients_of_rows(ctx, grad_kl, _backward_call)


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


def kl_gamma(
    alpha: Tensor, rate: Tensor | float, prior_alpha: Tensor | float, prior_rate: Tensor | float
) -> Tensor:
    """KL(Gamma(alpha, rate) ‖ Gamma(prior_alpha, prior_rate)), summed over each row.

    Σ_k (a_k − b_k) ψ(a_k) − log Γ(a_k) + log Γ(b_k) + b_k log(r_k / q_k) + a_k (q_k / r_k − 1),
    with a, r = alpha, rate and b, q = prior_alpha, prior_rate; in nats, computed in float64 as sums
    that do not cancel, for parameters up to 1e38. Closed-form gradients to all four. In plain
    PyTorch: ``kl_divergence(Gamma(alpha, rate), Gamma(prior_alpha, prior_rate)).sum(-1)``.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32)
    rate, prior_alpha, prior_rate : Tensor broadcast against alpha, such as [K], or a number

    Returns
    -------
    Tensor [...]

    Raises
    ------
    ValueError
        If a parameter is not positive (or NaN), naming its place in the rows [R, K], or if dtypes
        differ. RuntimeError if the shapes do not broadcast.

    Source: Penny, "KL-Divergences of Normal, Gamma, Dirichlet and Wishart densities", 2001.
    """
    shape, rows = as_rows("kl_gamma", "alpha", alpha, rate, prior_alpha, prior_rate)
    kl: Tensor = _call(*rows)
    return kl if kl.shape == shape else kl.reshape(shape)
