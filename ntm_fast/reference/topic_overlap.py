"""How much topics overlap, in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import Tensor


def topic_overlap(topic_logits: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.topic_overlap`."""
    beta = topic_logits.softmax(0)
    mean = beta.mean(1, keepdim=True).clamp_min(torch.finfo(beta.dtype).tiny)
    lift = F.normalize(beta / mean.sqrt(), dim=0)
    cosines = lift.T @ lift
    return (cosines - torch.diag(cosines.diagonal())).square().sum() / topic_logits.shape[1]
