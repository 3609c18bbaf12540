"""log_dirichlet_rsvi against the implicit sampler and torch, forward and backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet

from benchmarks.draws import cases, check, draw_rows, error
from ntm_fast import ops, reference

SEED = torch.tensor(1)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for alpha, extra in cases():
        few = alpha[:40]
        value = ops.log_dirichlet_rsvi(few, SEED)
        check(
            "log_dirichlet_rsvi", error(value, reference.log_dirichlet_rsvi(few, SEED)), alpha.dtype
        )
        leaf, grad = alpha.clone().requires_grad_(), torch.randn_like(alpha)

        def fast(leaf: Tensor = leaf, grad: Tensor = grad) -> object:
            return torch.autograd.grad(ops.log_dirichlet_rsvi(leaf, SEED), leaf, grad)

        def implicit(leaf: Tensor = leaf, grad: Tensor = grad) -> object:
            return torch.autograd.grad(ops.log_dirichlet_rsample(leaf, SEED), leaf, grad)

        def torch_log_theta(leaf: Tensor = leaf, grad: Tensor = grad) -> object:
            theta = Dirichlet(leaf, validate_args=False).rsample()
            return torch.autograd.grad(theta.log(), leaf, grad)

        subjects = {
            "ntm_fast": fast,
            "log_dirichlet_rsample": implicit,
            "torch Dirichlet.rsample().log()": torch_log_theta,
        }
        rows += draw_rows("log_dirichlet_rsvi", alpha, subjects, threads, arrays=6, **extra)
    return rows
