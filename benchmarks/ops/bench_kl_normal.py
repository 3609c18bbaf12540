"""kl_normal against eager PyTorch and the compiled reference; the floor is memory traffic."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks import device
from benchmarks.rows import op_rows
from ntm_fast import ops, reference

SHAPES = device.pick([(256, 50), (4096, 128)], [(256, 50), (4096, 128), (65536, 128)])


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    subjects = {
        "ntm_fast": ops.kl_normal,
        "eager": reference.kl_normal,
        "compiled": torch.compile(reference.kl_normal),
    }
    for shape in SHAPES:
        args = [torch.randn(shape, requires_grad=i < 2) for i in range(4)]
        rows += op_rows("kl_normal", args, subjects, threads)
    return rows
