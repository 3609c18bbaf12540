"""Log-likelihood of bags of words under a product of experts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import check_no_gradient, with_clear_errors
from ntm_fast.ops._precision import matmul_precision
from ntm_fast.ops._registration import (
    differentiable,
    needs_gradient,
    once_differentiable,
    widen,
)

_op = torch.ops.ntm_fast.bow_product_log_likelihood.default
_backward_op = torch.ops.ntm_fast.bow_product_log_likelihood_backward.default


# Logits up to this many bytes are kept for the backward, which then computes none again.
KEPT_BYTES = 5 << 19


def _row(documents: int) -> int:
    """Numbers in a row of logits of one word: a padded number per document."""
    return ((documents + 15) // 16 // 2 * 2 + 1) * 16


def _fits(hidden: Tensor, weight: Tensor) -> bool:
    """Whether the forward is to keep anything for the backward."""
    if not hidden.ndim == weight.ndim == 2:
        return False
    if hidden.device.type != "cpu":
        return True
    return weight.shape[0] * _row(hidden.shape[0]) * max(hidden.element_size(), 4) <= KEPT_BYTES


def _fake(hidden: Tensor, weight: Tensor, *others: Any) -> tuple[Tensor, ...]:
    batch_norm, mean, keep = others[4], others[5], others[10]
    words = weight.shape[0] if batch_norm and mean is None else 0
    lse = (2, hidden.shape[0]) if hidden.device.type == "cpu" else (hidden.shape[0],)
    sizes = (hidden.shape[0], words, words, lse)
    raw = (weight.shape[0], _row(hidden.shape[0])) if keep else (0, 0)
    if keep and hidden.device.type != "cpu":
        raw = (hidden.shape[0], hidden.shape[1] + 2)
    return (*(hidden.new_empty(size) for size in sizes), hidden.new_empty(raw))


def _fake_backward(
    grad: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None, *others: Any
) -> tuple[Tensor, ...]:
    scale, shift = others[6], others[7]
    hidden_gradient, weight_gradient = others[13:15]
    words = weight.shape[0]
    return (
        hidden.new_empty(hidden.shape if hidden_gradient else (0,)),
        weight.new_empty(weight.shape if weight_gradient else (0,)),
        *(weight.new_empty(0 if t is None else words) for t in (bias, scale, shift)),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    kept = output[1:]
    ctx.mark_non_differentiable(*kept)
    ctx.set_materialize_grads(False)
    tensors = [*inputs[:6], *inputs[7:11], inputs[14]]
    ctx.save_for_backward(*tensors, *kept)
    ctx.batch_norm, ctx.eps, ctx.precision = inputs[6], inputs[11], inputs[13]


def _backward(ctx: Any, grad: Tensor | None, *others: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 15
    saved = ctx.saved_tensors
    inputs = [*saved[:6], ctx.batch_norm, *saved[6:10], ctx.eps]
    needed = ctx.needs_input_grad
    wanted = needed[0], needed[1], ctx.precision, saved[10]
    gradients = _backward_call(grad, *inputs, *saved[11:], *wanted)
    places = (0, 1, 2, 9, 10)  # of hidden, weight, bias, scale, shift
    result: list[Tensor | None] = [None] * 15
    for place, gradient in zip(places, gradients, strict=True):
        result[place] = gradient if needed[place] else None
    return tuple(result)


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


@with_clear_errors
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
    order: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-likelihood of each document under softmax(hidden Wᵀ + bias), without the [B, V] logits.

    LL_d = Σ_v x_dv z_dv − N_d log Σ_v exp z_dv with z = hidden Wᵀ + bias, batch-normalised over
    the documents if asked: (z − mean) / √(var + eps) · scale + shift. Tiles of words are streamed
    and, where all logits take more than 2.5 MiB, recomputed in the backward: memory beyond inputs
    and gradients is O(B·K), less than 5 MB at B = 256, K = 100. In plain PyTorch, with dense
    counts X: ``(X * F.linear(hidden, weight, bias).log_softmax(1)).sum(1)``.

    Of float32, the three matrix products (logits, ∂weight, ∂hidden) follow
    ``torch.get_float32_matmul_precision()``: "medium", like bfloat16 inputs and
    ``torch.autocast(…, torch.bfloat16)``, rounds their operands to bfloat16 (errors of gradients
    about 3e-3, less than PyTorch's own in bfloat16); "high" splits them in two bfloat16 (1e-5), or
    on GPUs, if the environment has NTM_FAST_TF32=1, rounds them to tf32 (4e-4). All sums,
    statistics and exponentials stay float32. Where the processor does none of it faster than
    float32, that is used (`ntm-fast info` tells).

    Logits may be of any size: the largest of a document is taken off before anything is added to
    it. Where a GPU rounds operands, a document with one beyond 2²⁰ = 1e6 has no exact digits left,
    and NaN for its likelihood.

    Parameters
    ----------
    hidden : Tensor [B, K], float32 or float64 (half types are computed in float32)
        θ, or any other hidden layer.
    weight : Tensor [V, K]
        One row a word, as in ``nn.Linear``.
    bias : Tensor [V] or None
    indptr, indices, counts : Tensor [B+1], [N], [N]
        CSR batch: int32 or int64 indices below V, sorted or not, repeated ones added; counts of
        any real dtype, finite and >= 0. They have no gradient.
    batch_norm : bool
        Normalise each word's logits over the documents.
    mean, var : Tensor [V] or None
        Statistics to normalise with, as in evaluation; constants, which have no gradient.
        None: those of the batch.
    scale, shift : Tensor [V] or None
        Affine part of the normalisation.
    eps : float
    order : Tensor [N], int64, or None
        ``indices.argsort(stable=True)``, where it is known: see :func:`bow_linear`.

    Returns
    -------
    log_likelihood : Tensor [B], in nats
    batch_mean, batch_var : Tensor [V]
        Mean and biased variance of the logits over the batch, for running statistics; no gradient.
        Empty unless the statistics of the batch were used.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, the CSR batch is not one, or counts, mean or var requires a
        gradient; naming argument and value.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017,
    section 3.2 (ProdLDA); Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    check_no_gradient("bow_product_log_likelihood", counts=counts, mean=mean, var=var)
    h, w, b, m, v, a, s = (
        None if t is None else widen(t) for t in (hidden, weight, bias, mean, var, scale, shift)
    )
    keep = needs_gradient(h, w, b, a, s) and _fits(hidden, weight)
    precision = matmul_precision(hidden, weight)
    how = batch_norm, m, v, a, s, eps, keep, precision, order
    outputs = _call(h, w, b, indptr, indices, counts, *how)
    log_likelihood, batch_mean, batch_var = outputs[:3]
    if b is not None and batch_norm and mean is None:
        batch_mean = batch_mean + b.detach()
    return log_likelihood, batch_mean, batch_var
