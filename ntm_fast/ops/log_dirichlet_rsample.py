"""Logarithms of Dirichlet draws."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._registration import differentiable, once_differentiable, widen

_op = torch.ops.ntm_fast.log_dirichlet_rsample.default
_backward_op = torch.ops.ntm_fast.log_dirichlet_rsample_backward.default


def _fake(alpha: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
    return alpha.new_empty(alpha.shape), alpha.new_empty(alpha.shape)


def _fake_backward(grad: Tensor, alpha: Tensor, log_theta: Tensor, log_gamma: Tensor) -> Tensor:
    return alpha.new_empty(alpha.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    log_theta, log_gamma = output
    ctx.mark_non_differentiable(log_gamma)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(inputs[0], log_theta, log_gamma)


def _backward(ctx: Any, grad: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, None]:
    return None if grad is None else _backward_call(grad, *ctx.saved_tensors), None


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


@with_clear_errors
def log_dirichlet_rsample(alpha: Tensor, seed: Tensor) -> Tensor:
    """log θ of draws θ ~ Dirichlet(alpha) over the last dimension, with implicit gradients.

    log θ = l − logsumexp(l) with l = log_gamma_rsample(alpha, seed), in log space throughout: no
    draw underflows, however small alpha is. Backward, with G the gradient of log θ and L that of
    :func:`gamma_implicit_gradient`: ∂/∂α_j = L(α_j, l_j) (G_j − θ_j Σ_i G_i). In plain PyTorch,
    where nothing underflows: ``Dirichlet(alpha).rsample().log()``, whose gradient estimator differs
    but has the same mean.

    A draw depends only on the seed and the element's position: it has the same bits for any number
    of threads, and differs by at most the last bits between devices.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32), positive
        and finite
    seed : Tensor [], int64
        One per call: draws from the same seed are the same.

    Returns
    -------
    Tensor [..., K]
        In alpha's dtype; for K = 1 exactly 0, with gradient 0.

    Raises
    ------
    ValueError
        If an alpha is not positive and finite, alpha is 0-dimensional or K is 0, or seed is not a
        0-dimensional int64 tensor.

    Source: Figurnov, Mohamed & Mnih, "Implicit reparameterization gradients", 2018.
    """
    if alpha.dim() == 0 or alpha.shape[-1] == 0:
        shape = list(alpha.shape)
        raise ValueError(
            f"log_dirichlet_rsample: alpha has shape {shape}, expected [..., K], K > 0"
        )
    wide = widen(alpha)
    rows = wide if wide.dim() == 2 else wide.reshape(-1, wide.shape[-1])
    log_theta: Tensor = _call(rows, seed)[0]
    return log_theta.view(alpha.shape).to(alpha.dtype) if rows is not alpha else log_theta
