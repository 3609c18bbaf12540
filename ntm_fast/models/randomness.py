"""Random numbers of a step, all of them from one seed tensor."""

from __future__ import annotations

import torch
from torch import Tensor

_DROPOUT = 0x5DEECE66D  # keeps the masks apart from the sampler that has the seed itself


def generator(seed: Tensor, device: torch.device | str, stream: int = 0) -> torch.Generator:
    """A generator on `device` for a 0-dim int64 `seed`; streams of one seed are unrelated."""
    made = torch.Generator(device)
    made.manual_seed((int(seed) ^ stream) & (2**63 - 1))
    return made


def dropout_generator(seed: Tensor, device: torch.device | str) -> torch.Generator:
    """The generator of a step's dropout masks."""
    return generator(seed, device, _DROPOUT)


def dropout(x: Tensor, p: float, source: torch.Generator | None) -> Tensor:
    """x with each element zeroed with probability p, the others divided by 1 − p.

    Without a generator (evaluation) x itself. As ``torch.nn.functional.dropout``, whose masks
    come from the global generator.
    """
    if p == 0 or source is None:
        return x
    keep = torch.empty_like(x).bernoulli_(1 - p, generator=source)
    return x * keep.div_(1 - p)
