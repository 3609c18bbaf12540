"""bow_product_log_likelihood with batch norm against the dense PyTorch that users write.

The floor is what no float32 method with recomputation can beat: 8·B·K·V flops (one product forward,
three backward) at the rate of this machine's own sgemm, timed in turns with the op. At "medium"
precision, rows whose dtype is bfloat16, it is the machine's own product of bfloat16 matrices, and
eager PyTorch runs under autocast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.batches import zipf_batch
from benchmarks.floor import products
from benchmarks.rows import op_rows
from ntm_fast import ops, reference
from ntm_fast.training.precision import matmul_precision

SHAPES = [  # B, K, V
    (200, 50, 2_000),
    (256, 100, 2_000),
    (256, 100, 20_000),
    (256, 50, 20_000),
    (256, 256, 20_000),
    (64, 100, 20_000),
    (1024, 100, 20_000),
    (256, 100, 100_000),
]


def at(precision: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function with float32 matrix products at a precision; its backward keeps it."""

    def run(*args: Tensor) -> Tensor:
        with matmul_precision(precision):
            return function(*args)

    return run


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    compiled = torch.compile(reference.bow_product_log_likelihood)
    for documents, topics, words in SHAPES:
        batch = zipf_batch(documents, words, length=150)
        dense = batch.dense(words)
        args = [
            torch.randn(documents, topics).softmax(1).requires_grad_(),
            (torch.randn(words, topics) * 0.5).requires_grad_(),
        ]

        def fast(hidden: Tensor, weight: Tensor, batch: Any = batch) -> Tensor:
            csr = (batch.indptr, batch.indices, batch.counts)
            return ops.bow_product_log_likelihood(hidden, weight, None, *csr, batch_norm=True)[0]

        def eager(hidden: Tensor, weight: Tensor, dense: Tensor = dense) -> Tensor:
            logits = F.batch_norm(F.linear(hidden, weight), None, None, training=True, eps=1e-3)
            return (dense * logits.log_softmax(1)).sum(1)

        def compiled_reference(hidden: Tensor, weight: Tensor, batch: Any = batch) -> Tensor:
            csr = (batch.indptr, batch.indices, batch.counts)
            return compiled(hidden, weight, None, *csr, batch_norm=True)[0]

        subjects = {"ntm_fast": fast, "eager dense": eager}
        if (documents, topics, words) == SHAPES[2]:
            subjects["compiled reference"] = compiled_reference
        rows += op_rows(
            "bow_product_log_likelihood",
            args,
            subjects,
            threads,
            floor=products(8 * documents * topics * words),
            elements=documents * words,
            tolerance=1e-3,
        )

        def autocast(hidden: Tensor, weight: Tensor, eager: Any = eager) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return eager(hidden, weight)

        rows += op_rows(
            "bow_product_log_likelihood",
            args,
            {"ntm_fast": at("medium", fast), "ntm_fast, float32": fast}
            | {"eager dense": autocast, "eager dense, float32": eager},
            threads,
            floor=products(8 * documents * topics * words, torch.bfloat16),
            elements=documents * words,
            tolerance=0.1,  # eager's own errors under autocast reach 0.06
            dtype="bfloat16",
            precision="medium",
        )
    return rows
