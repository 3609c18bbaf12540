"""logistic_normal_rsample against plain PyTorch, forward and backward.

Their noise differs; the tests hold ours to the reference's.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks import device
from benchmarks.draws import draw_rows
from ntm_fast import ops

SHAPES = device.pick([(200, 50), (4096, 128)], [(200, 50), (4096, 128), (65536, 128)])
SEED = torch.tensor(1)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for shape in SHAPES:
        mean, log_variance = (torch.randn(shape, requires_grad=True) for _ in range(2))
        leaves, grad = (mean, log_variance), torch.randn(shape)

        def fast(leaves: Any = leaves, grad: Any = grad) -> object:
            theta = ops.logistic_normal_rsample(*leaves, SEED)
            return torch.autograd.grad(theta, leaves, grad)

        def eager(leaves: Any = leaves, grad: Any = grad) -> object:
            mean, log_variance = leaves
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            return torch.autograd.grad(z.softmax(1), leaves, grad)

        subjects = {"ntm_fast": fast, "eager": eager}
        rows += draw_rows("logistic_normal_rsample", mean, subjects, threads, arrays=10)
    return rows
