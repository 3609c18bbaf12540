"""At which precision an op multiplies matrices."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PRECISIONS = ("highest", "high", "medium")  # the ops' own numbers for them: 0, 1, 2


def _chosen() -> int:
    # Compiled code is compiled again when the choice moves from or to "highest", which torch
    # guards; between the other two it keeps what it was compiled with.
    return PRECISIONS.index(torch.get_float32_matmul_precision())


_constant: Callable[[], int] = torch.compiler.assume_constant_result(_chosen)


def autocasts(tensor: Tensor) -> bool:
    """Whether ``torch.autocast`` is on for the tensor's device; the meta device has none."""
    return not tensor.is_meta and torch.is_autocast_enabled(tensor.device.type)


def matmul_precision(a: Tensor, b: Tensor) -> int:
    """0, 1 or 2: that of ``torch.get_float32_matmul_precision()``, or medium for bfloat16.

    bfloat16 it is if both operands are of that type, or under ``torch.autocast`` to it, as for
    torch's own ``a @ b``.
    """
    if a.dtype == b.dtype == torch.bfloat16:
        return 2
    if autocasts(a) and torch.get_autocast_dtype(a.device.type) == torch.bfloat16:
        return 2
    return _constant()
