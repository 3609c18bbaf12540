"""Some documents of a corpus."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.bags import Bags, accepts_old_order, rows_come_last, tensors_of
from ntm_fast.ops._checks import check_no_gradient, with_clear_errors
from ntm_fast.ops._registration import register_fake

_op = torch.ops.ntm_fast.bow_rows.default


def _fake(
    rows: Tensor, indptr: Tensor, indices: Tensor, counts: Tensor, nonzeros: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    n = torch.library.get_ctx().new_dynamic_size() if nonzeros is None else nonzeros
    ends = indptr.new_empty(rows.shape[0] + 1, dtype=torch.int64)
    return ends, indices.new_empty(n), counts.new_empty(n)


register_fake(_op, _fake)


@accepts_old_order(("indptr", "indices", "counts", "rows", "nonzeros"), rows_come_last)
@with_clear_errors
def bow_rows(
    rows: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    nonzeros: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Documents ``rows`` of a corpus, in that order: how a batch is gathered.

    Words keep their order within a document. Only the documents asked for are read and checked.
    In plain SciPy: ``csr[rows]``.

    Parameters
    ----------
    rows : Tensor [B], int32 or int64, repeats allowed
    indptr, indices, counts : Tensor [D+1], [N], [N]
        The corpus as CSR: int32 or int64, any dtype, any dtype. Instead of the three:
        :class:`Bags`, or a sparse CSR tensor [D, V].
    nonzeros : int or None
        Size of the outputs where it is known beforehand: a GPU is then not waited for. What the
        documents leave of it is word 0, zero times, in the last of them, and counts for nothing.

    Returns
    -------
    indptr : Tensor [B+1], int64
    indices, counts : Tensor, of the dtypes given
        Counts have no gradient.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, a row is not in [0, D), indptr is not increasing there,
        nonzeros is less than the documents have, or counts requires a gradient. On CUDA what is
        wrong with values is left out, and :func:`raise_device_errors` or the next op tells.
    """
    indptr, indices, counts, _ = tensors_of("bow_rows", indptr, indices, counts)
    if counts.requires_grad:
        check_no_gradient("bow_rows", counts=counts)
    result: tuple[Tensor, Tensor, Tensor] = _op(rows, indptr, indices, counts, nonzeros)
    return result
