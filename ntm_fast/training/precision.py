"""At which precision a training run multiplies matrices."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch


@contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """`torch.set_float32_matmul_precision(precision)` within the block."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def autocast(device: torch.device, wanted: bool) -> AbstractContextManager[object]:
    """`torch.autocast` to bfloat16 on a device if it is wanted."""
    return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()
