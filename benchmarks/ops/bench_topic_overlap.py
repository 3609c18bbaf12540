"""topic_overlap against its reference, eager and compiled.

The floor is the multiplications of two products, of which one is symmetric, at the rate of torch's
own: lifts' inner products forward, and what they give back to the lifts.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks import device
from benchmarks.floor import products
from benchmarks.rows import op_rows
from ntm_fast import ops, reference

# V, K
SHAPES = device.pick([(2_000, 50), (50_000, 50), (20_000, 200)], [(50_000, 50), (200_000, 200)])


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    subjects = {
        "ntm_fast": ops.topic_overlap,
        "eager": reference.topic_overlap,
        "compiled": torch.compile(reference.topic_overlap),
    }
    for words, topics in SHAPES:
        args = [torch.randn(words, topics, requires_grad=True)]
        floor = products(3.0 * words * topics**2)
        rows += op_rows("topic_overlap", args, subjects, threads, floor=floor)
    return rows
