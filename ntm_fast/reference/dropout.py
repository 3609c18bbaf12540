"""Dropout whose mask is a function of a seed, in plain PyTorch."""

import torch
from torch import Tensor

from ntm_fast.reference._philox import philox


def dropout(x: Tensor, p: float, seed: Tensor, stream: int = 0) -> Tensor:
    """See :func:`ntm_fast.ops.dropout`; the same masks."""
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is {p}, expected 0 <= p < 1")
    # Element i takes word (i / 16) % 4 of counter (i / 64 · 16 + i % 16, stream, 2).
    chunks = -(-x.numel() // 64)
    words = torch.stack(philox(seed, torch.arange(chunks * 16, device=x.device), stream, 2))
    mask = words.reshape(4, chunks, 16).transpose(0, 1).reshape(-1)[: x.numel()] >= int(p * 2**32)
    return torch.where(mask.reshape(x.shape), x * (1 / (1 - p)), 0)
