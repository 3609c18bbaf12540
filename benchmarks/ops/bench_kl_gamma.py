"""kl_gamma against torch.distributions and the compiled reference.

The floor is the arithmetic of the op's own method (csrc/math/gamma_divergence.h): of an element
about 150 multiply-adds in double precision forward and 45 backward (trigamma).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Gamma, kl_divergence

from benchmarks import device
from benchmarks.floor import arithmetic
from benchmarks.rows import op_rows
from ntm_fast import ops, reference

SHAPES = device.pick([(256, 50), (4096, 128)], [(256, 50), (4096, 128), (65536, 128)])
OPERATIONS = 195


def eager(alpha: Tensor, rate: Tensor, prior_alpha: Tensor, prior_rate: Tensor) -> Tensor:
    p = Gamma(alpha, rate, validate_args=False)
    return kl_divergence(p, Gamma(prior_alpha, prior_rate, validate_args=False)).sum(-1)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    compiled = torch.compile(reference.kl_gamma)
    subjects = {"ntm_fast": ops.kl_gamma, "torch.distributions": eager, "compiled": compiled}
    for shape in SHAPES:
        posterior = [(torch.rand(shape) * 3 + 0.01).requires_grad_() for _ in range(2)]
        prior = [torch.full(shape[1:], value) for value in (0.1, 1.0)]
        floor = arithmetic(OPERATIONS * posterior[0].numel(), posterior[0].dtype)
        rows += op_rows("kl_gamma", [*posterior, *prior], subjects, threads, floor=floor)
    return rows
