"""The part of a gradient that does not go through the draws."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ScoreTerm(nn.Module):
    """Σ over draws of (f − b) · log_weight, whose gradient completes that of f's mean.

    The baseline b of a document is the mean of f over its other draws if there are several,
    otherwise its length times the running mean of f per word. Neither depends on the draw itself,
    so neither adds a bias.
    """

    per_word: Tensor
    steps: Tensor

    def __init__(self, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("per_word", torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, f: Tensor, log_weight: Tensor, lengths: Tensor) -> Tensor:
        """Value 0, with that gradient: f (detached here) and log_weight [L, B], lengths [B]."""
        f = f.detach()
        if len(f) > 1:
            baseline = (f.sum(0) - f) / (len(f) - 1)
        else:
            baseline = (self.per_word * lengths).to(f)
        term = ((f - baseline) * log_weight).mean()
        if self.training:
            share = torch.where(self.steps == 0, 1.0, self.momentum)
            self.per_word.lerp_((f.mean(0).sum() / lengths.sum()).to(self.per_word), share)
            self.steps.add_(1)
        return term - term.detach()
