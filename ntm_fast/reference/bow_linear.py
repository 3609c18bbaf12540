"""A linear layer on sparse counts, in plain PyTorch."""

import torch.nn.functional as F
from torch import Tensor

from ntm_fast.reference._csr import check_csr, document_of_nonzeros


def bow_linear(
    indptr: Tensor,
    indices: Tensor,
    counts: Tensor,
    weight: Tensor,
    sparse_grad: bool = False,
    order: Tensor | None = None,
) -> Tensor:
    """See :func:`ntm_fast.ops.bow_linear`."""
    check_csr("bow_linear", indptr, indices, counts, weight.shape[0])
    documents = document_of_nonzeros(indptr, indices)
    words = F.embedding(indices, weight, sparse=True) if sparse_grad else weight[indices]
    rows = counts.to(weight.dtype)[:, None] * words  # [N, H]
    return weight.new_zeros(indptr.shape[0] - 1, weight.shape[1]).index_add(0, documents, rows)
