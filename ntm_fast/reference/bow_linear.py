"""A linear layer on sparse counts, in plain PyTorch."""

from torch import Tensor

from ntm_fast.reference._csr import document_of_nonzeros


def bow_linear(indptr: Tensor, indices: Tensor, counts: Tensor, weight: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.bow_linear`."""
    documents = document_of_nonzeros(indptr, indices)
    rows = counts.to(weight.dtype)[:, None] * weight[indices]  # [N, H]
    return weight.new_zeros(indptr.shape[0] - 1, weight.shape[1]).index_add(0, documents, rows)
