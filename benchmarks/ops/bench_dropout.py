"""dropout against torch's, forward and backward.

Their masks differ; the tests hold ours to the reference's.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import device
from benchmarks.draws import draw_rows
from ntm_fast import ops

SHAPES = device.pick([(200, 100), (4096, 800)], [(200, 100), (4096, 800), (65536, 800)])
SEED = torch.tensor(1)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for shape in SHAPES:
        x, grad = torch.randn(shape, requires_grad=True), torch.randn(shape)

        def fast(x: Tensor = x, grad: Tensor = grad) -> object:
            return torch.autograd.grad(ops.dropout(x, 0.25, SEED), x, grad)

        def torchs(x: Tensor = x, grad: Tensor = grad) -> object:
            return torch.autograd.grad(F.dropout(x, 0.25), x, grad)

        subjects = {"ntm_fast": fast, "F.dropout": torchs}
        rows += draw_rows("dropout", x, subjects, threads, arrays=4)
    return rows
