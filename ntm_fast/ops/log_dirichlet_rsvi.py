"""Logarithms of Dirichlet draws with the gradients of rejection sampling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import check_rows, with_clear_errors
from ntm_fast.ops._registration import differentiable, once_differentiable, widen

_op = torch.ops.ntm_fast.log_dirichlet_rsvi.default
_backward_op = torch.ops.ntm_fast.log_dirichlet_rsvi_backward.default


def _fake(alpha: Tensor, seed: Tensor, boost: int) -> tuple[Tensor, Tensor]:
    return alpha.new_empty(alpha.shape), alpha.new_empty(alpha.shape)


def _fake_backward(grad: Tensor, log_theta: Tensor, slope: Tensor) -> Tensor:
    return grad.new_empty(grad.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*output)


def _backward(ctx: Any, grad: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, ...]:
    return None if grad is None else _backward_call(grad, *ctx.saved_tensors), None, None


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


@with_clear_errors
def log_dirichlet_rsvi(alpha: Tensor, seed: Tensor, boost: int = 10) -> Tensor:
    """log θ of draws θ ~ Dirichlet(alpha), differentiated through the rejection sampler.

    log θ = l − logsumexp(l), l = log h(ε, α + B) + Σ_{i<B} log(u_i) / (α + i), B = boost, with
    h(ε, a) = (a − ⅓)(1 + ε / √(9a − 3))³ Marsaglia and Tsang's proposal, the accepted ε and the
    uniforms u held fixed by the gradient. That ignores that the distribution of ε depends on α: a
    bias that falls with B, as does the variance of the term that would correct it
    (:class:`ntm_fast.models.posteriors.DirichletRSVI` offers it).

    With d = α + B − ⅓ and g = h(ε, α + B), dl/dα = (1 − 1.5 (1 − (d / g)^⅓)) / d
    − Σ_{i<B} log(u_i) / (α + i)². In plain PyTorch, with another gradient:
    ``Dirichlet(alpha).rsample().log()``.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32), positive
        and finite
    seed : Tensor [], int64
        One per call: draws from the same seed are the same.
    boost : int, at least 1
        The uniforms u are drawn and used in one pass, and never stored.

    Returns
    -------
    Tensor [..., K]
        In alpha's dtype.

    Raises
    ------
    ValueError
        If an alpha is not positive and finite (NaN instead on CUDA), alpha is 0-dimensional or K
        is 0, boost is below 1, or seed is not a 0-dimensional int64 tensor.

    Source: Naesseth, Ruiz, Linderman & Blei, "Reparameterization Gradients through
    Acceptance-Rejection Sampling Algorithms", 2017, section 5.
    """
    check_rows("log_dirichlet_rsvi", "alpha", alpha)
    wide = widen(alpha)
    rows = wide if wide.dim() == 2 else wide.reshape(-1, wide.shape[-1])
    log_theta: Tensor = _call(rows, seed, boost)[0]
    return log_theta.view(alpha.shape).to(alpha.dtype) if rows is not alpha else log_theta
