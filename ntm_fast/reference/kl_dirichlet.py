"""KL divergence between Dirichlet distributions, in plain PyTorch."""

import torch
from torch import Tensor


def kl_dirichlet(alpha: Tensor, prior: Tensor | float) -> Tensor:
    """See :func:`ntm_fast.ops.kl_dirichlet`."""
    a, b = torch.broadcast_tensors(alpha, torch.as_tensor(prior).to(alpha))
    total, prior_total = a.sum(-1), b.sum(-1)
    log_norms = (a.lgamma() - b.lgamma()).sum(-1)
    expected = (a - b) * (a.digamma() - total.digamma()[..., None])
    kl: Tensor = total.lgamma() - prior_total.lgamma() - log_norms + expected.sum(-1)
    return kl
