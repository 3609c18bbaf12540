"""Topic proportions of documents under given topics, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.bags import Bags, tensors_of
from ntm_fast.reference._csr import document_of_nonzeros


@torch.no_grad()
def bow_mixture_proportions(
    theta: Tensor,
    topics: Tensor,
    prior: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    steps: int = 20,
) -> Tensor:
    """See :func:`ntm_fast.ops.bow_mixture_proportions`."""
    indptr, indices, counts, _ = tensors_of(
        "bow_mixture_proportions", indptr, indices, counts, matrix=topics
    )
    documents = document_of_nonzeros(indptr, indices)
    prior, counts = prior.double(), counts.double()
    log_beta = topics.double().log()[indices]  # [N, K]
    lengths = prior.new_zeros(theta.shape[0]).index_add(0, documents, counts)
    gamma = prior + lengths[:, None] * theta.double()
    for _ in range(steps):
        log_shares = gamma.digamma()[documents] + log_beta
        unknown = log_shares.amax(1, keepdim=True) == -torch.inf  # a word that no topic has
        shares = log_shares.masked_fill(unknown, 0).softmax(1)
        kept = (counts[:, None] > 0) & ~unknown
        words = torch.where(kept, counts[:, None] * shares, 0)
        gamma = prior + torch.zeros_like(gamma).index_add(0, documents, words)
    return (gamma / gamma.sum(1, keepdim=True)).to(theta.dtype)
