"""log_gamma_rsample against torch's gamma sampler, forward alone and with backward.

torch draws x, not log x, and stops at the smallest normal number; its sampler and gradient are
serial. The compiled reference is left out: its rejection loop does not compile.

The floor is the arithmetic of the op's own method (csrc/math/gamma_sampler.h, philox.h and
gamma_gradient.h), without the draws that are rejected.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Gamma

from benchmarks.draws import DRAW, GRADIENT, cases, check, draw_rows, error
from ntm_fast import ops, reference

SEED = torch.tensor(1)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for alpha, extra in cases():
        few = alpha[:40]
        found = error(ops.log_gamma_rsample(few, SEED), reference.log_gamma_rsample(few, SEED))
        check("log_gamma_rsample", found, alpha.dtype)
        leaf, ones = alpha.clone().requires_grad_(), torch.ones_like(alpha)
        rate = torch.ones((), dtype=alpha.dtype)

        def fast(leaf: Tensor = leaf, ones: Tensor = ones) -> object:
            return torch.autograd.grad(ops.log_gamma_rsample(leaf, SEED), leaf, ones)

        def torch_gamma(leaf: Tensor = leaf, ones: Tensor = ones, rate: Tensor = rate) -> object:
            draws = Gamma(leaf, rate, validate_args=False).rsample().log()
            return torch.autograd.grad(draws, leaf, ones)

        forward = {
            "ntm_fast": lambda a=alpha: ops.log_gamma_rsample(a, SEED),
            "torch._standard_gamma": lambda a=alpha: torch._standard_gamma(a),
        }
        both = {"ntm_fast": fast, "torch Gamma.rsample().log()": torch_gamma}
        draw, gradient = DRAW[alpha.dtype], GRADIENT[alpha.dtype]
        for subjects, passes, arrays, operations in (
            (forward, "forward", 2, draw),
            (both, "forward+backward", 6, draw + gradient),
        ):
            columns = {**extra, "passes": passes, "arrays": arrays, "operations": operations}
            rows += draw_rows("log_gamma_rsample", alpha, subjects, threads, **columns)
    return rows
