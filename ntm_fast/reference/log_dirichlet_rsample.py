"""Logarithms of Dirichlet draws, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.reference.log_gamma_rsample import draw_log_gammas, log_gamma_rsample


def log_dirichlet_rsample(alpha: Tensor, seed: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.log_dirichlet_rsample`; the same draws."""
    log_gamma = log_gamma_rsample(alpha, seed)
    most = log_gamma.detach().amax(-1, keepdim=True)
    tiny = most < torch.finfo(alpha.dtype).min / 4  # no number of this type holds its gammas
    wide = draw_log_gammas(alpha.detach(), seed).log_softmax(-1)
    wide = wide.clamp_min(torch.finfo(alpha.dtype).min).to(alpha.dtype)
    log_theta: Tensor = torch.where(tiny, 0, log_gamma).log_softmax(-1)
    return torch.where(tiny, wide, log_theta)
