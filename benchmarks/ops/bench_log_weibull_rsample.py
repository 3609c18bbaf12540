"""log_weibull_rsample against torch.distributions.Weibull, forward and backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Weibull

from benchmarks.draws import cases, check, draw_rows, error
from ntm_fast import ops, reference

SEED = torch.tensor(1)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for shape, extra in cases():
        few = shape[:40]
        value = ops.log_weibull_rsample(few, 2.0, SEED)
        expected = reference.log_weibull_rsample(few, 2.0, SEED)
        found = error(value * few, expected * few)  # a small shape multiplies what rounding does
        check("log_weibull_rsample", found, shape.dtype)
        leaf, grad = shape.clone().requires_grad_(), torch.randn_like(shape)
        scale = torch.full_like(shape, 2.0).requires_grad_()

        def fast(leaf: Tensor = leaf, scale: Tensor = scale, grad: Tensor = grad) -> object:
            value = ops.log_weibull_rsample(leaf, scale, SEED)
            return torch.autograd.grad(value, (leaf, scale), grad)

        def plain(leaf: Tensor = leaf, scale: Tensor = scale, grad: Tensor = grad) -> object:
            value = Weibull(scale, leaf, validate_args=False).rsample().log()
            return torch.autograd.grad(value, (leaf, scale), grad)

        subjects = {"ntm_fast": fast, "torch Weibull.rsample().log()": plain}
        rows += draw_rows("log_weibull_rsample", shape, subjects, threads, arrays=8, **extra)
    return rows
