"""A linear layer on sparse counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.bags import Bags, accepts_old_order, is_vector_of_integers, tensors_of
from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._registration import (
    differentiable,
    needs_gradient,
    once_differentiable,
    register_fake,
    widen,
)

_op = torch.ops.ntm_fast.bow_linear.default
_backward_op = torch.ops.ntm_fast.bow_linear_backward.default
_backward_rows_op = torch.ops.ntm_fast.bow_linear_backward_rows.default


def _fake(
    weight: Tensor, indptr: Tensor, indices: Tensor, counts: Tensor, order: Tensor | None = None
) -> Tensor:
    return weight.new_empty(indptr.shape[0] - 1, weight.shape[1])


def _fake_backward(
    grad_output: Tensor,
    weight: Tensor,
    indptr: Tensor,
    indices: Tensor,
    counts: Tensor,
    order: Tensor | None,
    want_counts: bool,
    want_weight: bool,
) -> tuple[Tensor, Tensor]:
    words, features = weight.shape
    return (
        weight.new_empty(indices.shape[0] if want_counts else 0),
        weight.new_empty(words if want_weight else 0, features),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    want_weight, _, _, want_counts, _ = ctx.needs_input_grad
    grads = _backward_call(grad_output, *ctx.saved_tensors, want_counts, want_weight)
    return grads[1] if want_weight else None, None, None, grads[0] if want_counts else None, None


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)
register_fake(
    torch.ops.ntm_fast.word_order.default,
    lambda indices: indices.new_empty(indices.shape, dtype=torch.int64),
)


class _SparseGradient(torch.autograd.Function):
    """The same op, but the gradient of weight is a sparse tensor of the rows that occur."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor | None) -> Tensor:
        weight, *bags = inputs
        ctx.save_for_backward(*bags)
        ctx.shape = weight.shape  # type: ignore[union-attr]
        with torch._C._AutoDispatchBelowAutograd():
            output: Tensor = _op(*inputs)
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        rows, values = _backward_rows_op(grad_output, *ctx.saved_tensors, ctx.shape[0])
        gradient = torch.sparse_coo_tensor(
            rows[None], values, ctx.shape, is_coalesced=True, check_invariants=False
        )
        return gradient, None, None, None, None


@accepts_old_order(
    ("indptr", "indices", "counts", "weight", "sparse_grad", "order"),
    lambda first, *_: is_vector_of_integers(first),
)
@with_clear_errors
def bow_linear(
    weight: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    sparse_grad: bool = False,
    order: Tensor | None = None,
) -> Tensor:
    """The counts of each document times ``weight``: the first layer of an encoder.

    output_d = Σ_v x_dv w_v over the stored counts. Give raw counts, or log1p of them, or counts
    divided by their sums. In plain PyTorch:
    ``torch.sparse_csr_tensor(indptr, indices, counts, size=(B, V)) @ weight``.

    Parameters
    ----------
    weight : Tensor [V, H], float32 or float64 (half types are computed in float32)
        One row per word, the transpose of nn.Linear's.
    indptr, indices, counts : Tensor [B+1], [N], [N]
        The documents' words as CSR: int32 or int64, int32 or int64, any real dtype. Repeated and
        unsorted indices are fine, fractional counts too. Instead of the three: :class:`Bags`, or a
        sparse CSR tensor [B, V].
    sparse_grad : bool
        Whether the gradient of weight is a sparse COO tensor of the rows of the words that occur,
        as F.embedding's with ``sparse=True``: a batch touches few words of a large vocabulary.
        Dense all the same on CUDA, under torch.compile and torch.func, and where counts has a
        gradient.
    order : Tensor [N], int64, or None
        ``indices.argsort(stable=True)``, where it is known (:meth:`Bags.ordered` makes it): every
        op that sums by word sorts the nonzeros unless it is given.

    Returns
    -------
    Tensor [B, H], of weight's dtype (float32 for half types)
        Differentiable to weight and counts.

    Raises
    ------
    ValueError
        If shapes do not fit, indptr is not one, an index is not in [0, V), or a count is negative
        or not finite, or order is not that of indices (on CUDA see :func:`raise_device_errors`).
    """
    indptr, indices, counts, order = tensors_of(
        "bow_linear", indptr, indices, counts, order, matrix=weight
    )
    weight = widen(weight)
    if counts.requires_grad:
        counts = counts.to(weight.dtype)
    rows_alone = (
        sparse_grad
        and not weight.is_cuda  # how many words occur would have to be waited for
        and needs_gradient(weight)
        and not counts.requires_grad
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )
    if rows_alone:
        sparse: Tensor = _SparseGradient.apply(weight, indptr, indices, counts, order)  # type: ignore[no-untyped-call]
        return sparse
    output: Tensor = _call(weight, indptr, indices, counts, order)
    return output
