"""What the references need to know of a CSR batch."""

import torch
from torch import Tensor


def document_of_nonzeros(indptr: Tensor, indices: Tensor) -> Tensor:
    """The row that each nonzero belongs to, int64 [N]."""
    documents = torch.arange(indptr.shape[0] - 1, device=indptr.device)
    return documents.repeat_interleave(indptr.diff(), output_size=indices.shape[0])
