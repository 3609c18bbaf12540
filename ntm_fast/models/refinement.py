"""Topic proportions that fit a document's words better than the encoder's do."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.data import Batch


def refine(theta: Tensor, topics: Tensor, prior: Tensor, batch: Batch, steps: int) -> Tensor:
    """Posterior mean θ [B, K] after `steps` updates of a document's own Dirichlet γ, from θ.

    γ_dk = a_k + Σ_v x_dv w_dk β_kv / Σ_j w_dj β_jv with w = exp ψ(γ): coordinate ascent on the
    bound of latent Dirichlet allocation with topics β [V, K] and prior Dir(a [K]). It begins at
    γ = a + N_d θ_d, the encoder's opinion, and gives γ / Σ γ.

    Source: Blei, Ng & Jordan, "Latent Dirichlet Allocation", 2003, section 5.2; that inference
    networks gain by it: Kim et al., "Semi-Amortized Variational Autoencoders", 2018.
    """
    indptr = batch.indptr.long()
    documents = torch.repeat_interleave(
        torch.arange(len(theta), device=theta.device), indptr.diff()
    )
    counts = batch.counts.to(theta)
    beta = topics[batch.indices.long()].to(theta)  # [N, K]
    lengths = torch.segment_reduce(counts, "sum", offsets=indptr)
    gamma = prior.to(theta) + lengths[:, None] * theta
    for _ in range(steps):
        # The mean's ψ keeps the weights of short documents from vanishing all at once.
        weights = torch.exp(torch.digamma(gamma) - torch.digamma(gamma.sum(1, keepdim=True)))
        likely = torch.linalg.vecdot(weights[documents], beta)
        shares = beta * (counts / likely.clamp_min(torch.finfo(likely.dtype).tiny))[:, None]
        words = torch.segment_reduce(shares, "sum", offsets=indptr, axis=0)
        gamma = prior.to(theta) + weights * words
    return gamma / gamma.sum(1, keepdim=True)
