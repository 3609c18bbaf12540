"""A dense layer in one op: product, bias, batch norm and activation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._precision import autocasts
from ntm_fast.ops._registration import differentiable, once_differentiable, widen

_op = torch.ops.ntm_fast.dense_layer.default
_backward_op = torch.ops.ntm_fast.dense_layer_backward.default
ACTIVATIONS = ("none", "softplus", "relu")  # in the order of their codes


def _fake(
    x: Tensor, weight: Tensor | None, bias: Any, activation: int, batch_norm: bool, *_: Any
) -> tuple[Tensor, ...]:
    documents, outputs = x.shape[0], (x.shape[1] if weight is None else weight.shape[0])
    n = outputs if batch_norm else 0
    shapes = [(documents, outputs), (n,), (n,), (documents if batch_norm else 0, outputs)]
    return tuple(x.new_empty(shape) for shape in shapes)


def _fake_backward(grad: Tensor, x: Tensor, weight: Tensor | None, *others: Any) -> tuple[Any, ...]:
    want_x, want_weight = others[-2:]
    documents, inputs = x.shape
    outputs = inputs if weight is None else weight.shape[0]
    return (
        x.new_empty(documents if want_x or weight is None else 0, inputs),
        x.new_empty(outputs if want_weight and weight is not None else 0, inputs),
        x.new_empty(outputs),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    y, mean, var, normalised = output
    ctx.mark_non_differentiable(mean, var, normalised)
    ctx.set_materialize_grads(False)
    x, weight, _, ctx.activation, ctx.batch_norm, _, ctx.eps = inputs
    ctx.save_for_backward(x, weight, y, var, normalised)


def _backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    x, weight, y, var, normalised = ctx.saved_tensors
    want_x, want_weight, want_bias, *_, want_shift, _ = ctx.needs_input_grad
    layer = ctx.activation, ctx.batch_norm, ctx.eps
    grads = _backward_call(grad, x, weight, y, *layer, var, normalised, want_x, want_weight)
    grad_x, grad_weight, sums = grads
    # Batch norm subtracts the mean, and the bias with it.
    grad_bias = torch.zeros_like(sums) if ctx.batch_norm and want_bias else sums
    return (
        grad_x if want_x else None,
        grad_weight if want_weight else None,
        grad_bias if want_bias else None,
        None,
        None,
        sums if want_shift else None,
        None,
    )


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


@with_clear_errors
def dense_layer(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    activation: str = "none",
    *,
    batch_norm: bool = False,
    shift: Tensor | None = None,
    eps: float = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:
    """activation(x Wᵀ + bias), batch-normalised before the activation if asked.

    With batch norm: activation((z − mean) / √(var + eps) + shift) for z = x Wᵀ + bias, mean and
    biased variance over the documents. Forward and backward are one pass each, for layers so small
    that the calls cost more than the arithmetic. Under ``torch.autocast`` x Wᵀ is torch's own
    product in the lower precision, and the rest is float32. In plain PyTorch, with batch norm:
    ``F.softplus(F.batch_norm(F.linear(x, weight, bias), None, None, None, shift, True, 0, eps))``.

    Parameters
    ----------
    x : Tensor [B, I], float32 or float64 (half types are computed in float32)
    weight : Tensor [O, I] as in ``nn.Linear``, or None for the identity
    bias : Tensor [O] or None
    activation : "none", "softplus" (log(1 + eᶻ)) or "relu"
    batch_norm : bool
    shift : Tensor [O] or None
        Added after the normalisation.
    eps : float

    Returns
    -------
    y : Tensor [B, O], of x's dtype (float32 for half types)
        Differentiable to x, weight, bias and shift.
    batch_mean, batch_var : Tensor [O]
        For running statistics; no gradient. Empty without batch norm.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, the activation is unknown, or B = 0 with batch norm.

    Source: Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"dense_layer: activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)}"
        )
    if weight is not None and autocasts(x):
        x, weight = F.linear(x, weight), None
    w, b, s = (None if t is None else widen(t) for t in (weight, bias, shift))
    y, mean, var, _ = _call(widen(x), w, b, ACTIVATIONS.index(activation), batch_norm, s, eps)
    return y, mean, var
