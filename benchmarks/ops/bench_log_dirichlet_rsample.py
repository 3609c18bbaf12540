"""log_dirichlet_rsample against torch.distributions.Dirichlet, forward and backward.

torch draws θ, not log θ, and stops at the smallest normal number; its sampler and gradient are
serial. The compiled reference is left out: its rejection loop does not compile.

The floor is the arithmetic of the op's own method: that of log_gamma_rsample and its gradient, and
the exponentials of both passes.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.draws import DRAW, GRADIENT, scheme_rows

# Multiply-adds in double precision of an element; half of one for one in float32.
EXPONENTIALS = {torch.float32: 15, torch.float64: 36}


def run(threads: int) -> list[dict[str, Any]]:
    operations = {
        dtype: DRAW[dtype] + GRADIENT[dtype] + exponentials
        for dtype, exponentials in EXPONENTIALS.items()
    }
    return scheme_rows("log_dirichlet_rsample", threads, operations)
