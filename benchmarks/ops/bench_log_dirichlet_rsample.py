"""log_dirichlet_rsample against torch.distributions.Dirichlet, forward and backward.

torch draws θ, not log θ, and stops at the smallest normal number; its sampler and gradient are
serial. The compiled reference is left out: its rejection loop does not compile.

The floor is the arithmetic of the op's own method: that of log_gamma_rsample and its gradient, and
the exponentials of both passes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet

from benchmarks.draws import DRAW, GRADIENT, cases, check, draw_rows, error
from ntm_fast import ops, reference

SEED = torch.tensor(1)
# Multiply-adds in double precision of an element; half of one for one in float32.
EXPONENTIALS = {torch.float32: 15, torch.float64: 36}


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for alpha, extra in cases():
        few = alpha[:40]
        value = ops.log_dirichlet_rsample(few, SEED)
        expected = reference.log_dirichlet_rsample(few, SEED)
        check("log_dirichlet_rsample", error(value, expected), alpha.dtype)
        leaf, grad = alpha.clone().requires_grad_(), torch.randn_like(alpha)

        def fast(leaf: Tensor = leaf, grad: Tensor = grad) -> object:
            return torch.autograd.grad(ops.log_dirichlet_rsample(leaf, SEED), leaf, grad)

        def torch_theta(leaf: Tensor = leaf, grad: Tensor = grad) -> object:
            theta = Dirichlet(leaf, validate_args=False).rsample()
            return torch.autograd.grad(theta, leaf, grad)

        def torch_log_theta(leaf: Tensor = leaf, grad: Tensor = grad) -> object:
            theta = Dirichlet(leaf, validate_args=False).rsample()
            return torch.autograd.grad(theta.log(), leaf, grad)

        subjects = {
            "ntm_fast": fast,
            "torch Dirichlet.rsample()": torch_theta,
            "torch Dirichlet.rsample().log()": torch_log_theta,
        }
        rows += draw_rows(
            "log_dirichlet_rsample",
            alpha,
            subjects,
            threads,
            arrays=6,
            operations=DRAW[alpha.dtype] + GRADIENT[alpha.dtype] + EXPONENTIALS[alpha.dtype],
            **extra,
        )
    return rows
