"""How much topics overlap."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._registration import differentiable, once_differentiable, widen

_op = torch.ops.ntm_fast.topic_overlap.default
_backward_op = torch.ops.ntm_fast.topic_overlap_backward.default


def _fake(topic_logits: Tensor) -> tuple[Tensor, ...]:
    words, topics = topic_logits.shape
    return tuple(topic_logits.new_empty(s) for s in ((), (2, topics), (words,), (topics, topics)))


def _fake_backward(grad: Tensor, topic_logits: Tensor, *others: Tensor) -> Tensor:
    return topic_logits.new_empty(topic_logits.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, *for_backward = output
    ctx.mark_non_differentiable(*for_backward)
    ctx.save_for_backward(*inputs, *for_backward)


def _backward(ctx: Any, grad: Tensor, *_: Any) -> Tensor:
    gradient: Tensor = _backward_call(grad, *ctx.saved_tensors)
    return gradient


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


@with_clear_errors
def topic_overlap(topic_logits: Tensor) -> Tensor:
    """Σ_{j≠k} cos²(l_j, l_k) / K of topics β_k = softmax(logits_k), their lifts l.

    l_kv = β_kv / √(mean_j β_jv), so that l_j · l_k is Σ_v β_jv β_kv / mean_i β_iv: words that all
    topics share count little, however frequent. It is 0 for topics without a common word; n copies
    of a topic add n (n − 1) / K.

    On the CPU it costs four exponentials and less than 2 K multiply-adds per element, and the only
    array of V × K elements is the gradient. In plain PyTorch::

        beta = topic_logits.softmax(0)
        lift = F.normalize(beta / beta.mean(1, keepdim=True).sqrt(), dim=0)
        ((lift.T @ lift).square().sum() - K) / K

    Parameters
    ----------
    topic_logits : Tensor [V, K], float32 or float64 (half types are computed in float32)
        The softmax runs over words, down each column.

    Returns
    -------
    Tensor []

    Raises
    ------
    ValueError
        If topic_logits is not a matrix, is empty, or has another dtype.

    Source: after Xie, Deng & Xing, "Diversifying Restricted Boltzmann Machine for Document
    Modeling", 2015, who penalise small angles between topics; the lift is ours.
    """
    result: Tensor = _call(widen(topic_logits))[0]
    return result
