"""Some documents of a corpus, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.bags import Bags, accepts_old_order, rows_come_last, tensors_of
from ntm_fast.reference._csr import check_no_gradient


@accepts_old_order(("indptr", "indices", "counts", "rows", "nonzeros"), rows_come_last)
def bow_rows(
    rows: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    nonzeros: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`ntm_fast.ops.bow_rows`."""
    indptr, indices, counts, _ = tensors_of("bow_rows", indptr, indices, counts)
    check_no_gradient("bow_rows", counts=counts)
    documents = indptr.shape[0] - 1
    checked = nonzeros is None or not rows.is_cuda  # a GPU would have to be waited for
    if checked and bool(((rows < 0) | (rows >= documents)).any()):
        raise ValueError(f"bow_rows: rows are {rows.tolist()}, expected 0 <= row < {documents}")
    starts = indptr[rows].long()
    lengths = indptr[rows + 1].long() - starts
    if checked and bool(((starts < 0) | (lengths < 0) | (starts + lengths > len(indices))).any()):
        raise ValueError(f"bow_rows: indptr is no increasing row of places up to {len(indices)}")
    ends = torch.cat((lengths.new_zeros(1), lengths.cumsum(0)))  # [B+1]
    size = int(ends[-1]) if nonzeros is None else nonzeros
    if checked and size < ends[-1]:
        raise ValueError(f"bow_rows: nonzeros is {size}, expected at least {int(ends[-1])}")
    places = torch.arange(size, device=rows.device)
    owners = torch.searchsorted(ends[1:], places, right=True).clamp(max=rows.shape[0] - 1)
    at = places + (starts - ends[:-1])[owners]
    padding = places >= ends[-1]
    at = torch.where(padding, 0, at)
    ends[-1] = size
    words, values = indices[at], counts[at]
    return ends, words.masked_fill(padding, 0), values.masked_fill(padding, 0)
