"""Divergences of rows: arguments [..., K] as [R, K], those that all rows share as [1, K]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from ntm_fast.ops._registration import differentiable, once_differentiable, widen


def as_rows(op: str, name: str, *arguments: Tensor | float) -> tuple[torch.Size, list[Tensor]]:
    """The shape [...] of the result, and each argument as [R, K] or [1, K].

    The first argument, called ``name`` in errors, is a tensor; numbers get its dtype and device.
    """
    given = arguments[0]  # as_tensor would move it to torch's default device
    first = widen(given if isinstance(given, Tensor) else torch.as_tensor(float(given)))
    if first.dim() == 2 and all(_is_plain(a, first) for a in arguments[1:]):  # most calls
        plain = (widen(cast(Tensor, a)) for a in arguments[1:])
        return first.shape[:1], [first, *(a if a.dim() == 2 else a.unsqueeze(0) for a in plain)]
    others = [widen(a) if isinstance(a, Tensor) else first.new_full((), a) for a in arguments[1:]]
    if first.dim() and all(t.shape in (first.shape, first.shape[-1:]) for t in others):
        shape = first.shape
    else:
        shape = torch.broadcast_shapes(first.shape, *(t.shape for t in others))
    if not shape:
        raise ValueError(f"{op}: {name} is 0-dimensional, expected [..., K]")
    rows, topics = shape[:-1].numel(), shape[-1]
    result = [first.expand(shape).reshape(rows, topics)]
    for t in others:
        shared = t.shape[:-1].numel() == 1
        full = t.reshape(-1).expand(topics) if shared else t.expand(shape)
        result.append(full.reshape(1 if shared else rows, topics))
    return shape[:-1], result


def _is_plain(argument: Tensor | float, first: Tensor) -> bool:
    return isinstance(argument, Tensor) and argument.shape in (first.shape, first.shape[1:])


def divergence_of_rows(op: str) -> Callable[..., Tensor]:
    """The op of csrc/kl_rows.h called ``op``, of arguments that `as_rows` takes."""

    def fake(first: Tensor, *others: Tensor) -> Tensor:
        return first.new_empty(first.shape[0])

    def fake_backward(grad_kl: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
        rows, topics = arguments[0].shape
        wanted = arguments[len(arguments) // 2 :]
        return tuple(grad_kl.new_empty(rows if w else 0, topics) for w in wanted)

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    def backward(ctx: Any, grad_kl: Tensor) -> tuple[Tensor | None, ...]:
        arguments, wanted = ctx.saved_tensors, ctx.needs_input_grad
        gradients = backward_call(grad_kl, *arguments, *wanted)
        return tuple(
            _sum_of_shared(gradient, argument.shape[0]) if want else None
            for gradient, argument, want in zip(gradients, arguments, wanted, strict=True)
        )

    forward_op = getattr(torch.ops.ntm_fast, op).default
    backward_op = getattr(torch.ops.ntm_fast, f"{op}_backward").default
    name = forward_op._schema.arguments[0].name
    call = differentiable(forward_op, fake=fake, setup_context=setup_context, backward=backward)
    backward_call = once_differentiable(backward_op, fake=fake_backward)

    def divergence(*arguments: Tensor | float) -> Tensor:
        shape, rows = as_rows(op, name, *arguments)
        kl: Tensor = call(*rows)
        return kl if kl.shape == shape else kl.reshape(shape)

    return divergence


def _sum_of_shared(gradient: Tensor, rows: int) -> Tensor:
    """The gradient [R, K] of an argument that had ``rows`` rows."""
    return gradient.sum(0, keepdim=True) if rows == 1 and gradient.shape[0] != 1 else gradient
