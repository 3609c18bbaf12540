"""kl_weibull_gamma against its reference, eager and compiled."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks import device
from benchmarks.floor import arithmetic
from benchmarks.rows import op_rows
from ntm_fast import ops, reference

SHAPES = device.pick([(256, 50), (4096, 128)], [(256, 50), (4096, 128), (65536, 128)])
OPERATIONS = 160  # an element: two logarithms, an exponential, lgamma and digamma twice each


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    subjects = {
        "ntm_fast": ops.kl_weibull_gamma,
        "eager": reference.kl_weibull_gamma,
        "compiled": torch.compile(reference.kl_weibull_gamma),
    }
    for shape in SHAPES:
        posterior = [(torch.rand(shape) * 3 + 0.2).requires_grad_() for _ in range(2)]
        prior = [torch.full(shape[1:], value) for value in (0.1, 1.0)]
        floor = arithmetic(OPERATIONS * posterior[0].numel(), posterior[0].dtype)
        rows += op_rows("kl_weibull_gamma", [*posterior, *prior], subjects, threads, floor=floor)
    return rows
