"""Checks of arguments for the ops that are plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._subclasses import FakeTensor


def check_positive(op: str, **arguments: Tensor) -> None:
    """ValueError naming the first element that is not positive and finite; on the CPU alone.

    On CUDA the answer would have to be waited for: such elements give NaN instead.
    """
    for name, value in arguments.items():
        has_values = value.is_cpu and not isinstance(value, FakeTensor)
        if not has_values or torch.compiler.is_compiling():
            continue
        bad = ~((value > 0) & value.isfinite())
        if bad.any():
            at = bad.nonzero()[0].tolist()
            number = value[tuple(at)].item()
            raise ValueError(f"{op}: {name}{at} is {number:g}, expected positive and finite")


def check_rows(op: str, name: str, value: Tensor) -> None:
    """ValueError unless the tensor has a last dimension that is not empty."""
    if value.dim() == 0 or value.shape[-1] == 0:
        shape = list(value.shape)
        raise ValueError(f"{op}: {name} has shape {shape}, expected [..., K], K > 0")
