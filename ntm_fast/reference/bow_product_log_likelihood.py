"""Log-likelihood of bags of words under a product of experts, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.bags import Bags, tensors_of
from ntm_fast.reference._csr import check_csr, check_no_gradient, document_of_nonzeros


def bow_product_log_likelihood(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    indptr: Bags | Tensor,
    indices: Tensor | None = None,
    counts: Tensor | None = None,
    *,
    order: Tensor | None = None,
    batch_norm: bool = False,
    mean: Tensor | None = None,
    var: Tensor | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    eps: float = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`ntm_fast.ops.bow_product_log_likelihood`."""
    indptr, indices, counts, _ = tensors_of(
        "bow_product_log_likelihood", indptr, indices, counts, matrix=weight
    )
    check_csr("bow_product_log_likelihood", indptr, indices, counts, weight.shape[0])
    check_no_gradient("bow_product_log_likelihood", counts=counts, mean=mean, var=var)
    logits = hidden @ weight.T  # [B, V]
    if bias is not None:
        logits = logits + bias
    batch_mean = batch_var = hidden.new_empty(0)
    if batch_norm:
        if mean is None or var is None:
            mean = logits.mean(0)
            var = logits.var(0, correction=0)
            batch_mean, batch_var = mean.detach(), var.detach()
        logits = (logits - mean) * torch.rsqrt(var + eps)
        if scale is not None:
            logits = logits * scale
        if shift is not None:
            logits = logits + shift
    log_p = logits.log_softmax(1)
    documents = document_of_nonzeros(indptr, indices)
    counts = counts.to(hidden.dtype)
    terms = counts * log_p[documents, indices.long()]
    terms = terms.masked_fill(counts == 0, 0)  # 0 · log 0 is 0
    log_likelihood = hidden.new_zeros(hidden.shape[0]).index_add(0, documents, terms)
    return log_likelihood, batch_mean, batch_var
