"""Log-likelihood of bags of words under a product of experts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._registration import differentiable, once_differentiable, widen

_op = torch.ops.ntm_fast.bow_product_log_likelihood.default
_backward_op = torch.ops.ntm_fast.bow_product_log_likelihood_backward.default


def _fake(hidden: Tensor, weight: Tensor, *others: Any) -> tuple[Tensor, ...]:
    batch_norm, mean = others[4], others[5]
    words = weight.shape[0] if batch_norm and mean is None else 0
    sizes = (hidden.shape[0], words, words, hidden.shape[0])
    return tuple(hidden.new_empty(size) for size in sizes)


def _fake_backward(
    grad: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None, *others: Any
) -> tuple[Tensor, ...]:
    scale, shift = others[6], others[7]
    hidden_gradient, weight_gradient = others[-2:]
    words = weight.shape[0]
    return (
        hidden.new_empty(hidden.shape if hidden_gradient else (0,)),
        weight.new_empty(weight.shape if weight_gradient else (0,)),
        *(weight.new_empty(0 if t is None else words) for t in (bias, scale, shift)),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, mean, var, lse = output
    ctx.mark_non_differentiable(mean, var, lse)
    ctx.set_materialize_grads(False)
    tensors = [*inputs[:6], *inputs[7:11]]
    ctx.save_for_backward(*tensors, mean, var, lse)
    ctx.batch_norm, ctx.eps = inputs[6], inputs[11]


def _backward(ctx: Any, grad: Tensor | None, *others: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 12
    *tensors, mean, var, lse = ctx.saved_tensors
    inputs = [*tensors[:6], ctx.batch_norm, *tensors[6:], ctx.eps]
    needed = ctx.needs_input_grad
    gradients = _backward_call(grad, *inputs, mean, var, lse, needed[0], needed[1])
    places = (0, 1, 2, 9, 10)  # of hidden, weight, bias, scale, shift
    result: list[Tensor | None] = [None] * 12
    for place, gradient in zip(places, gradients, strict=True):
        result[place] = gradient if needed[place] else None
    return tuple(result)


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


def bow_product_log_likelihood(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    indptr: Tensor,
    indices: Tensor,
    counts: Tensor,
    *,
    batch_norm: bool = False,
    mean: Tensor | None = None,
    var: Tensor | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    eps: float = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-likelihood of each document under softmax(hidden Wᵀ + bias), without the [B, V] logits.

    LL_d = Σ_v x_dv z_dv − N_d log Σ_v exp z_dv with z = hidden Wᵀ + bias, batch-normalised over
    the documents if asked: (z − mean) / √(var + eps) · scale + shift. Tiles of words are streamed
    and recomputed in the backward, so memory beyond inputs and gradients is O(B·K). In plain
    PyTorch, with dense counts X: ``(X * F.linear(hidden, weight, bias).log_softmax(1)).sum(1)``.

    Parameters
    ----------
    hidden : Tensor [B, K], float32 or float64 (half types are computed in float32)
        θ, or any other hidden layer.
    weight : Tensor [V, K]
        One row a word, as in ``nn.Linear``.
    bias : Tensor [V] or None
    indptr, indices, counts : Tensor [B+1], [N], [N]
        CSR batch: int32 or int64 indices below V, sorted or not, repeated ones added; counts of
        any real dtype, finite and >= 0. No gradient flows to the counts.
    batch_norm : bool
        Normalise each word's logits over the documents.
    mean, var : Tensor [V] or None
        Statistics to normalise with, as in evaluation; constants, no gradient flows to them.
        None: those of the batch.
    scale, shift : Tensor [V] or None
        Affine part of the normalisation.
    eps : float

    Returns
    -------
    log_likelihood : Tensor [B], in nats
    batch_mean, batch_var : Tensor [V]
        Mean and biased variance of the logits over the batch, for running statistics; no gradient.
        Empty unless the statistics of the batch were used.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, or the CSR batch is not one, naming argument and value.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017,
    section 3.2 (ProdLDA); Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    h, w, b, m, v, a, s = (
        None if t is None else widen(t) for t in (hidden, weight, bias, mean, var, scale, shift)
    )
    outputs = _call(h, w, b, indptr, indices, counts, batch_norm, m, v, a, s, eps)
    log_likelihood, batch_mean, batch_var, _ = outputs
    if b is not None and batch_norm and mean is None:
        batch_mean = batch_mean + b.detach()
    return log_likelihood, batch_mean, batch_var
