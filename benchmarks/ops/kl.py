"""kl_dirichlet against torch.distributions and the compiled reference.

The floor is the arithmetic of the op's own method (csrc/math/gamma_divergence.h): of an element
about 120 multiply-adds in double precision forward and 35 backward (trigamma).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from benchmarks import device
from benchmarks.floor import arithmetic
from benchmarks.rows import op_rows
from ntm_fast import ops, reference

SHAPES = device.pick([(256, 50), (4096, 128)], [(256, 50), (4096, 128), (65536, 128)])
OPERATIONS = 155


def eager(alpha: Tensor, prior: Tensor) -> Tensor:
    p, q = (Dirichlet(x, validate_args=False) for x in (alpha, prior))
    return kl_divergence(p, q)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    compiled = torch.compile(reference.kl_dirichlet)
    subjects = {"ntm_fast": ops.kl_dirichlet, "torch.distributions": eager, "compiled": compiled}
    for shape in SHAPES:
        for dtype in (torch.float32, torch.float64):
            alpha = (torch.rand(shape, dtype=dtype) * 3 + 0.01).requires_grad_()
            args = [alpha, torch.full(shape[1:], 0.1, dtype=dtype)]
            floor = arithmetic(OPERATIONS * alpha.numel(), alpha.dtype)
            rows += op_rows("kl_dirichlet", args, subjects, threads, floor=floor)
    return rows
