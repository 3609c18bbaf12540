"""Dropout whose mask is a function of a seed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._registration import differentiable, widen

_op = torch.ops.ntm_fast.dropout.default


def _fake(x: Tensor, p: float, seed: Tensor, stream: int) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, ctx.p, seed, ctx.stream = inputs
    ctx.save_for_backward(seed)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return _call(grad, ctx.p, ctx.saved_tensors[0], ctx.stream), None, None, None


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)


@with_clear_errors
def dropout(x: Tensor, p: float, seed: Tensor, stream: int = 0) -> Tensor:
    """x with each element zeroed with probability p, the others divided by 1 − p.

    The mask depends only on seed, stream and position: it is the same for any number of threads
    and on any device. The backward recomputes it instead of keeping it. In plain PyTorch, with
    masks from the global generator: ``F.dropout(x, p)``.

    Parameters
    ----------
    x : Tensor, float32 or float64 (half types are computed in float32)
    p : float, 0 <= p < 1, rounded to a multiple of 2⁻³²
    seed : Tensor [], int64
    stream : int, 0 <= stream < 2³²
        Masks of different streams are independent, even with the same seed; they are also
        independent of the samplers' draws with that seed.

    Returns
    -------
    Tensor of x's shape and dtype

    Raises
    ------
    ValueError
        If p or stream is out of range, or seed is not a 0-dimensional int64 tensor.

    Sources: Srivastava et al., "Dropout", 2014; random numbers from Philox-4x32-10 (Salmon et al.,
    2011).
    """
    output: Tensor = _call(widen(x), p, seed, stream)
    return output.to(x.dtype)
