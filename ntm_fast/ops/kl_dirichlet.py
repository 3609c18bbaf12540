"""KL divergence between Dirichlet distributions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._registration import differentiable, once_differentiable
from ntm_fast.ops._rows import as_rows, gradients_of_rows

_op = torch.ops.ntm_fast.kl_dirichlet.default
_backward_op = torch.ops.ntm_fast.kl_dirichlet_backward.default


def _fake(alpha: Tensor, prior: Tensor) -> Tensor:
    return alpha.new_empty(alpha.shape[0])


def _fake_backward(
    grad_kl: Tensor, alpha: Tensor, prior: Tensor, want_alpha: bool, want_prior: bool
) -> tuple[Tensor, ...]:
    rows, topics = alpha.shape
    return tuple(alpha.new_empty(rows if w else 0, topics) for w in (want_alpha, want_prior))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad_kl: Tensor) -> tuple[Tensor | None, ...]:
    return gradients_of_rows(ctx, grad_kl, _backward_call)


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


def kl_dirichlet(alpha: Tensor, prior: Tensor | float) -> Tensor:
    """KL(Dirichlet(alpha) ‖ Dirichlet(prior)) of each row.

    log Γ(a₀) − log Γ(b₀) − Σ_k [log Γ(a_k) − log Γ(b_k)] + Σ_k (a_k − b_k)(ψ(a_k) − ψ(a₀)), with
    a = alpha, b = prior and subscript 0 for their sums; in nats, computed in float64 as differences
    of log Γ and its tangents, which do not cancel, for parameters up to 1e38. Closed-form gradients
    to both. In plain PyTorch: ``kl_divergence(Dirichlet(alpha), Dirichlet(prior))``.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32)
    prior : Tensor broadcast against alpha, such as [K], or a number for all topics

    Returns
    -------
    Tensor [...]

    Raises
    ------
    ValueError
        If an alpha or prior is not positive (or NaN), naming its place in the rows [R, K], or if
        dtypes differ. RuntimeError if the shapes do not broadcast.

    Source: Penny, "KL-Divergences of Normal, Gamma, Dirichlet and Wishart densities", 2001.
    """
    shape, rows = as_rows("kl_dirichlet", "alpha", alpha, prior)
    kl: Tensor = _call(*rows)
    return kl if kl.shape == shape else kl.reshape(shape)
