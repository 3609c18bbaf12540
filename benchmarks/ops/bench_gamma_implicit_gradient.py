"""gamma_implicit_gradient against torch._standard_gamma_grad, which takes x instead of log x.

The peer is accurate to 1e-2 at worst where it is used, and serial. The compiled reference is left
out: its series stop by what they see, which does not compile.

The floor is the arithmetic of the op's own method (csrc/math/gamma_gradient.h), in multiply-adds
in double precision, of which it does fewer for float32 data.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.draws import GRADIENT, cases, check, draw_rows, error
from ntm_fast import ops, reference


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for alpha, extra in cases():
        log_x = ops.log_gamma_rsample(alpha, torch.tensor(1))
        x = log_x.double().exp().to(alpha.dtype).clamp_min(torch.finfo(alpha.dtype).tiny)
        few = alpha[:40], log_x[:40]
        value = ops.gamma_implicit_gradient(*few).double()
        truth = reference.gamma_implicit_gradient(*(t.double() for t in few))
        check("gamma_implicit_gradient", error(value / truth, torch.ones(1)), alpha.dtype)
        subjects = {
            "ntm_fast": lambda a=alpha, lx=log_x: ops.gamma_implicit_gradient(a, lx),
            "torch._standard_gamma_grad": lambda a=alpha, x=x: torch._standard_gamma_grad(a, x),
        }
        rows += draw_rows(
            "gamma_implicit_gradient",
            alpha,
            subjects,
            threads,
            arrays=3,
            operations=GRADIENT[alpha.dtype],
            **extra,
        )
    return rows
