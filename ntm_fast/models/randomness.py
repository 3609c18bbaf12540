"""The random numbers of a step, all from one seed tensor."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.models.backend import Ops


def generator(seed: Tensor, device: torch.device | str) -> torch.Generator:
    """A generator of torch's on `device` for a 0-dim int64 `seed`."""
    return torch.Generator(device).manual_seed(int(seed))


class Masks:
    """The dropout masks of a step: functions of its 0-dim int64 `seed` and of their order."""

    def __init__(self, seed: Tensor, ops: Ops) -> None:
        self.seed, self.ops, self.made = seed, ops, 0

    def drop(self, x: Tensor, p: float) -> Tensor:
        """x with each element zeroed with probability p, the others divided by 1 − p."""
        stream, self.made = self.made, self.made + 1
        return self.ops.dropout(x, p, self.seed, stream)


def dropout(x: Tensor, p: float, masks: Masks | None) -> Tensor:
    """x with each element zeroed with probability p; x itself without masks (evaluation)."""
    return x if p == 0 or masks is None else masks.drop(x, p)
