"""A linear layer on sparse counts, in plain PyTorch."""

import torch.nn.functional as F
from torch import Tensor

from ntm_fast.bags import Bags, accepts_old_order, is_vector_of_integers, tensors_of
from ntm_fast.reference._csr import check_csr, document_of_nonzeros


@accepts_old_order(
    ("indptr", "indices", "counts", "weight", "sparse_grad", "order"),
    lambda first, *_: is_vector_of_integers(first),
)
def bow_linear(
    weight: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    sparse_grad: bool = False,
    order: Tensor | None = None,
) -> Tensor:
    """See :func:`ntm_fast.ops.bow_linear`."""
    indptr, indices, counts, _ = tensors_of(
        "bow_linear", indptr, indices, counts, order, matrix=weight
    )
    check_csr("bow_linear", indptr, indices, counts, weight.shape[0])
    documents = document_of_nonzeros(indptr, indices)
    words = F.embedding(indices, weight, sparse=True) if sparse_grad else weight[indices]
    rows = counts.to(weight.dtype)[:, None] * words  # [N, H]
    return weight.new_zeros(indptr.shape[0] - 1, weight.shape[1]).index_add(0, documents, rows)
