"""The precision at which an op multiplies matrices."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PRECISIONS = ("highest", "high", "medium")  # the ops' own numbers for them: 0, 1, 2


def _chosen() -> int:
    # torch guards a change from or to "highest", and compiles again. A change between the other
    # two does not reach compiled code.
    return PRECISIONS.index(torch.get_float32_matmul_precision())


_constant: Callable[[], int] = torch.compiler.assume_constant_result(_chosen)


def autocasts(tensor: Tensor) -> bool:
    """Whether ``torch.autocast`` is on for the tensor's device; the meta device has none."""
    return not tensor.is_meta and torch.is_autocast_enabled(tensor.device.type)


def matmul_precision(a: Tensor, b: Tensor) -> int:
    """0, 1 or 2: ``torch.get_float32_matmul_precision()``, or medium for bfloat16.

    As in torch's own ``a @ b``, the product is in bfloat16 if both operands are, or under
    ``torch.autocast`` to bfloat16.
    """
    if a.dtype == b.dtype == torch.bfloat16:
        return 2
    if autocasts(a) and torch.get_autocast_dtype(a.device.type) == torch.bfloat16:
        return 2
    return _constant()
