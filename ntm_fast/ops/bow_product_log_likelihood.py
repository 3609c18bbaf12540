"""Log-likelihood of bags of words under a product of experts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast import _C
from ntm_fast.bags import Bags, tensors_of
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


def _fake(hidden: Tensor, weight: Tensor, *others: Any) -> tuple[Tensor, ...]:
    indices, order, batch_norm, mean, keep = others[2], *others[4:7], others[12]
    words = weight.shape[0] if batch_norm and mean is None else 0
    found = indices.shape[0] if keep and order is None else 0
    return (
        *(hidden.new_empty(size) for size in (hidden.shape[0], words, words)),
        hidden.new_empty(found, dtype=torch.int64),
        hidden.new_empty(_kept_bytes(hidden, weight) if keep else 0, dtype=torch.uint8),
    )


def _kept_bytes(hidden: Tensor, weight: Tensor) -> Any:
    """Size of what the kernels keep for the backward: theirs to say, once the sizes are numbers."""
    documents, topics, words = *hidden.shape, weight.shape[0]
    if not all(isinstance(size, int) for size in (documents, topics, words)):
        return torch.library.get_ctx().new_dynamic_size()
    on_cpu, element = hidden.device.type == "cpu", hidden.element_size()
    return _C.bow_product_kept_bytes(on_cpu, documents, topics, words, element)


def _fake_backward(
    grad: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None, *others: Any
) -> tuple[Tensor, ...]:
    scale, shift = others[7:9]
    hidden_gradient, weight_gradient = others[13:]
    words = weight.shape[0]
    return (
        hidden.new_empty(hidden.shape if hidden_gradient else (0,)),
        weight.new_empty(weight.shape if weight_gradient else (0,)),
        *(weight.new_empty(0 if t is None else words) for t in (bias, scale, shift)),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, _, batch_var, found, kept = output
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    order = found if inputs[6] is None else inputs[6]
    ctx.save_for_backward(*inputs[:6], order, *inputs[8:12], batch_var, kept)
    ctx.batch_norm, ctx.eps, ctx.precision = inputs[7], *inputs[12:14]


def _backward(ctx: Any, grad: Tensor | None, *others: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 15
    saved = ctx.saved_tensors
    inputs = [*saved[:7], ctx.batch_norm, *saved[7:11], ctx.eps, ctx.precision]
    needed = ctx.needs_input_grad
    gradients = _backward_call(grad, *inputs, *saved[11:], needed[0], needed[1])
    places = (0, 1, 2, 10, 11)  # of hidden, weight, bias, scale, shift
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
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    *,
    order: Tensor | None = None,
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
    and, where all logits take more than 2.5 MiB, recomputed in the backward: memory beyond inputs
    and gradients is O(B·K), less than 5 MB at B = 256, K = 100. In plain PyTorch, with dense
    counts X: ``(X * F.linear(hidden, weight, bias).log_softmax(1)).sum(1)``.

    In float32, the three matrix products (logits, ∂weight, ∂hidden) follow
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
        any real dtype, finite and >= 0. They have no gradient. Instead of the three:
        :class:`Bags`, or a sparse CSR tensor [B, V].
    order : Tensor [N], int64, or None
        ``indices.argsort(stable=True)``, where it is known: see :func:`bow_linear`.
    batch_norm : bool
        Normalise each word's logits over the documents.
    mean, var : Tensor [V] or None
        Statistics to normalise with, as in evaluation; constants, which have no gradient.
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
        If shapes or dtypes do not fit, the CSR batch is not one, order is not that of indices, or
        counts, mean or var requires a gradient; naming argument and value.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017,
    section 3.2 (ProdLDA); Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    name = "bow_product_log_likelihood"
    indptr, indices, counts, order = tensors_of(name, indptr, indices, counts, order, matrix=weight)
    check_no_gradient(name, counts=counts, mean=mean, var=var)
    h, w, b, m, v, a, s = (
        None if t is None else widen(t) for t in (hidden, weight, bias, mean, var, scale, shift)
    )
    how = batch_norm, m, v, a, s, eps, matmul_precision(hidden, weight)
    keep = needs_gradient(h, w, b, a, s)
    outputs = _call(h, w, b, indptr, indices, counts, order, *how, keep)
    log_likelihood, batch_mean, batch_var = outputs[:3]
    if b is not None and batch_norm and mean is None:
        batch_mean = batch_mean + b.detach()
    return log_likelihood, batch_mean, batch_var
