"""KL divergence between Dirichlet distributions, in plain PyTorch."""

import torch
from torch import Tensor


def kl_dirichlet(alpha: Tensor, prior: Tensor | float) -> Tensor:
    """See :func:`ntm_fast.ops.kl_dirichlet`."""
    prior = torch.as_tensor(prior, dtype=alpha.dtype, device=alpha.device)
    alpha, prior = torch.broadcast_tensors(alpha, prior)
    total, prior_total = alpha.sum(-1), prior.sum(-1)
    log_norms = (alpha.lgamma() - prior.lgamma()).sum(-1)
    expected = (alpha - prior) * (alpha.digamma() - total.digamma()[..., None])
    return total.lgamma() - prior_total.lgamma() - log_norms + expected.sum(-1)
