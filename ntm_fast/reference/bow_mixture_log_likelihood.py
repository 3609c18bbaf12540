"""Log-likelihood of documents under a mixture of topics, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.bags import Bags, tensors_of
from ntm_fast.reference._csr import check_csr, check_no_gradient, document_of_nonzeros


def bow_mixture_log_likelihood(
    theta: Tensor,
    topic_logits: Tensor,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    order: Tensor | None = None,
) -> Tensor:
    """See :func:`ntm_fast.ops.bow_mixture_log_likelihood`."""
    indptr, indices, counts, _ = tensors_of(
        "bow_mixture_log_likelihood", indptr, indices, counts, matrix=topic_logits
    )
    check_csr("bow_mixture_log_likelihood", indptr, indices, counts, topic_logits.shape[0])
    check_no_gradient("bow_mixture_log_likelihood", counts=counts)
    documents = document_of_nonzeros(indptr, indices)
    counts = counts.to(theta.dtype)
    log_beta = topic_logits.log_softmax(0)[indices]  # [N, K]
    # p is divided by its largest term, so that neither p nor its gradient underflows.
    shift = (theta.detach().log()[documents] + log_beta.detach()).amax(-1)
    shift = torch.where((counts > 0) & shift.isfinite(), shift, 0)
    p = (theta[documents] * (log_beta - shift[:, None]).exp()).sum(-1)
    log_p = shift + torch.where(counts > 0, p, 1).log()
    return theta.new_zeros(theta.shape[0]).index_add(0, documents, counts * log_p)
