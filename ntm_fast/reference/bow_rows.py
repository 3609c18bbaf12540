"""Some documents of a corpus, in plain PyTorch."""

import torch
from torch import Tensor


def bow_rows(
    indptr: Tensor, indices: Tensor, counts: Tensor, rows: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`ntm_fast.ops.bow_rows`."""
    documents = indptr.shape[0] - 1
    if bool(((rows < 0) | (rows >= documents)).any()):
        raise ValueError(f"bow_rows: rows are {rows.tolist()}, expected 0 <= row < {documents}")
    starts = indptr.long()[rows]
    lengths = indptr.long()[rows + 1] - starts
    ends = torch.cat((lengths.new_zeros(1), lengths.cumsum(0)))  # [B+1]
    offsets = (starts - ends[:-1]).repeat_interleave(lengths)
    at = torch.arange(offsets.shape[0], device=rows.device) + offsets
    return ends, indices[at], counts.detach()[at]
