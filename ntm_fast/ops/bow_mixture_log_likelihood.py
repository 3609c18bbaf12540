"""Log-likelihood of bags of words under a mixture of topics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.bags import Bags, tensors_of
from ntm_fast.ops._checks import check_no_gradient, with_clear_errors
from ntm_fast.ops._registration import differentiable, once_differentiable, widen

_op = torch.ops.ntm_fast.bow_mixture_log_likelihood.default
_backward_op = torch.ops.ntm_fast.bow_mixture_log_likelihood_backward.default


def _fake(
    theta: Tensor, topic_logits: Tensor, indptr: Tensor, indices: Tensor, *_: Tensor | None
) -> tuple[Tensor, ...]:
    documents, topics = theta.shape
    shapes = [(documents,), (documents, topics), (indices.shape[0],), (2, topics)]
    return tuple(theta.new_empty(shape) for shape in shapes)


def _fake_backward(
    grad: Tensor, theta: Tensor, topic_logits: Tensor, *others: Any
) -> tuple[Tensor, Tensor]:
    *_, want_theta, want_logits = others
    topics = theta.shape[1]
    return (
        theta.new_empty(theta.shape[0] if want_theta else 0, topics),
        theta.new_empty(topic_logits.shape[0] if want_logits else 0, topics),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, *for_backward = output
    ctx.mark_non_differentiable(*for_backward)
    ctx.save_for_backward(*inputs, *for_backward)


def _backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    want_theta, want_logits = ctx.needs_input_grad[:2]
    gradients = _backward_call(grad, *ctx.saved_tensors, want_theta, want_logits)
    return (
        gradients[0] if want_theta else None,
        gradients[1] if want_logits else None,
        *(None,) * 4,
    )


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


@with_clear_errors
def bow_mixture_log_likelihood(
    theta: Tensor,
    topic_logits: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    order: Tensor | None = None,
) -> Tensor:
    """log p(x_d | θ_d) of each document, with p(v | θ) = Σ_k θ_k β_kv and β_k = softmax(logits_k).

    Σ_v x_dv log p(v | θ_d) in nats, over the stored counts only. Neither β nor anything of B × V
    elements is formed: memory beyond inputs and gradients is O(B K + N). A word whose probability
    underflows is computed in log space; a stored count of 0 contributes 0. Logits may be of any
    size: they are taken less the largest of their topic. In plain PyTorch, with
    dense counts X: ``(X * (theta @ topic_logits.softmax(0).T).log()).sum(-1)``.

    Parameters
    ----------
    theta : Tensor [B, K], float32 or float64 (half types are computed in float32)
        Topic proportions: at least 0, each row summing to 1 (neither is checked).
    topic_logits : Tensor [V, K], of theta's dtype
        The softmax runs over words, down each column.
    indptr, indices, counts : Tensor [B+1], [N], [N]
        The documents' words as CSR: int32 or int64, int32 or int64, any real dtype. Repeated and
        unsorted indices are fine, fractional counts too. Gradients are summed in theta's dtype over
        a document's stored counts: in float32 they err by 1e-4 for a million of them. Instead of
        the three: :class:`Bags`, or a sparse CSR tensor [B, V].
    order : Tensor [N], int64, or None
        ``indices.argsort(stable=True)``, where it is known: see :func:`bow_linear`.

    Returns
    -------
    Tensor [B]
        Differentiable to theta and topic_logits (not to counts).

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, indptr is not one, an index is not in [0, V), a count is
        negative or not finite, order is not that of indices, or counts requires a gradient.

    Source: Blei, Ng & Jordan, "Latent Dirichlet Allocation", 2003; the word probabilities of
    Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017, section 3.2.
    """
    name = "bow_mixture_log_likelihood"
    indptr, indices, counts, order = tensors_of(
        name, indptr, indices, counts, order, matrix=topic_logits
    )
    if counts.requires_grad:
        check_no_gradient(name, counts=counts)
    result: Tensor = _call(widen(theta), widen(topic_logits), indptr, indices, counts, order)[0]
    return result
